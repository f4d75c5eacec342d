"""Recipes for stack coders and models: accounts, multisets, coupled samples,
and chains of bits-back coding."""
