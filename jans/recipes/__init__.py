"""What is built of a stack coder and models: accounts, multisets, coupled samples, and chains of bits-back coding."""
