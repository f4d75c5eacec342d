"""Table ANS in plain Python integers: the specification that every other implementation is held against.

A coder is `(heads, bits)`: heads in [L, 2 L) for tables of L = 2**precision states, and bits below a leading one, the
last one that was written highest. A table is the list of the symbols that its states belong to.
"""

Coder = tuple[tuple[int, ...], int]


def init(lanes: int, precision: int) -> Coder:
    """An empty coder."""
    return (2**precision,) * lanes, 1


def spread(cdf: list[int], precision: int) -> list[int]:
    """The symbol of every state: symbols take turns one after the other, as many as they have, in odd steps."""
    total = 2**precision
    step = total // 2 + total // 8 + 3 | 1
    symbols = [0] * total
    for symbol in range(len(cdf) - 1):
        for turn in range(cdf[symbol], cdf[symbol + 1]):
            symbols[turn * step % total] = symbol
    return symbols


def push(coder: Coder, tables: list[list[int]], index: list[int], symbols: list[int]) -> Coder:
    """Symbols, the last one first, each with the table that its index names."""
    heads, bits = list(coder[0]), coder[1]
    for i in reversed(range(len(symbols))):
        table, x = tables[index[i]], heads[i % len(heads)]
        states = [u for u, symbol in enumerate(table) if symbol == symbols[i]]
        while x >= 2 * len(states):
            top = bits.bit_length() - 1
            bits += (1 << top) + ((x & 1) << top)
            x >>= 1
        heads[i % len(heads)] = len(table) + states[x - len(states)]
    return tuple(heads), bits


def pop(coder: Coder, tables: list[list[int]], index: list[int]) -> tuple[Coder, list[int]]:
    """A symbol for every index: the inverse of `push`."""
    heads, bits = list(coder[0]), coder[1]
    symbols = []
    for i, row in enumerate(index):
        table, state = tables[row], heads[i % len(heads)] - len(tables[row])
        symbols.append(table[state])
        x = table.count(table[state]) + table[:state].count(table[state])
        while x < len(table):
            below = bits.bit_length() - 2
            bit = bits >> below & 1
            bits += (1 << below) - (2 << below) - (bit << below)
            x = 2 * x + bit
        heads[i % len(heads)] = x
    return (tuple(heads), bits), symbols


def to_bytes(coder: Coder, word_bits: int) -> bytes:
    """Heads, the bits that fill no word and their number, and the words: torch_ans's layout."""
    heads, bits = coder
    count = bits.bit_length() - 1
    words, left = divmod(count, word_bits)
    content = bits - (1 << count)
    full = content & (1 << words * word_bits) - 1
    ends = [*heads, content >> words * word_bits, left]
    return b"".join(n.to_bytes(4, "little") for n in ends) + full.to_bytes(words * word_bits // 8, "little")
