"""Table ANS in plain Python integers: the specification that all other implementations are compared with.

A coder is `(heads, bits)`. Heads are in [L, 2 L) for tables of L = 2**precision states. The bits are below a
leading one, and the bit written last is highest. A table is the list of the symbols that its states belong
to.
"""

import dataclasses

Coder = tuple[tuple[int, ...], int]


@dataclasses.dataclass(frozen=True)
class Bypass:
    """Bypass coding: the bits of a digit, the escape symbol of each table,
    and the value of each table's symbol 0."""

    bits: int
    escape: list[int]
    offset: list[int]


def init(lanes: int, precision: int) -> Coder:
    """An empty coder."""
    return (2**precision,) * lanes, 1


def spread(cdf: list[int], precision: int) -> list[int]:
    """The symbol of every state.

    Symbols take as many states as their frequency, one after the other, in odd steps.
    """
    total = 2**precision
    step = total // 2 + total // 8 + 3 | 1
    symbols = [0] * total
    for symbol in range(len(cdf) - 1):
        for turn in range(cdf[symbol], cdf[symbol + 1]):
            symbols[turn * step % total] = symbol
    return symbols


def write(bits: int, number: int, count: int) -> int:
    """Writes the lowest `count` bits of a number on top of other bits, lowest first."""
    top = bits.bit_length() - 1
    return bits + (1 << top + count) - (1 << top) + (number % 2**count << top)


def read(bits: int, count: int) -> tuple[int, int]:
    """The inverse of `write`."""
    below = bits.bit_length() - 1 - count
    return bits % 2**below + 2**below, (bits >> below) % 2**count


def escape_digits(place: int, escape: int, bits: int) -> list[int]:
    """The digits of a value outside of the alphabet, in the order in which they are read."""
    number = -2 * place - 1 if place < 0 else 2 * (place - escape)
    max_digit, digits = 2**bits - 1, []
    while number:
        digits.append(number & max_digit)
        number >>= bits
    return [max_digit] * (len(digits) // max_digit) + [len(digits) % max_digit, *digits]


def push(
    coder: Coder, tables: list[list[int]], index: list[int], symbols: list[int], bypass: Bypass | None = None
) -> Coder:
    """Pushes symbols, last one first, each with the table that its index names."""
    heads, bits = list(coder[0]), coder[1]
    for i in reversed(range(len(symbols))):
        row, symbol = index[i], symbols[i]
        if bypass is not None:
            if row == -1:
                continue
            symbol -= bypass.offset[row]
            if not 0 <= symbol < bypass.escape[row]:
                for digit in reversed(escape_digits(symbol, bypass.escape[row], bypass.bits)):
                    bits = write(bits, digit, bypass.bits)
                symbol = bypass.escape[row]
        table, x = tables[row], heads[i % len(heads)]
        states = [u for u, of in enumerate(table) if of == symbol]
        while x >= 2 * len(states):
            bits = write(bits, x, 1)
            x >>= 1
        heads[i % len(heads)] = len(table) + states[x - len(states)]
    return tuple(heads), bits


def pop(
    coder: Coder, tables: list[list[int]], index: list[int], bypass: Bypass | None = None
) -> tuple[Coder, list[int]]:
    """Pops a symbol for every index: the inverse of `push`."""
    heads, bits = list(coder[0]), coder[1]
    symbols = []
    for i, row in enumerate(index):
        if bypass is not None and row == -1:
            symbols.append(0)
            continue
        table, state = tables[row], heads[i % len(heads)] - len(tables[row])
        symbol = table[state]
        x = table.count(symbol) + table[:state].count(symbol)
        while x < len(table):
            bits, bit = read(bits, 1)
            x = 2 * x + bit
        heads[i % len(heads)] = x
        if bypass is not None:
            if symbol == bypass.escape[row]:
                bits, symbol = pop_escaped(bits, symbol, bypass.bits)
            symbol += bypass.offset[row]
        symbols.append(symbol)
    return (tuple(heads), bits), symbols


def pop_escaped(bits: int, escape: int, digit_bits: int) -> tuple[int, int]:
    """Reads the digits after an escape symbol; returns the bits without them, and the value."""
    count, digit = 0, 2**digit_bits - 1
    while digit == 2**digit_bits - 1:
        bits, digit = read(bits, digit_bits)
        count += digit
    number = 0
    for k in range(count):
        bits, digit = read(bits, digit_bits)
        number += digit << k * digit_bits
    return bits, -(number // 2) - 1 if number % 2 else escape + number // 2


def to_bytes(coder: Coder, word_bits: int) -> bytes:
    """Heads, leftover bits and their number, then the words, in torch_ans's layout."""
    heads, bits = coder
    count = bits.bit_length() - 1
    words, left = divmod(count, word_bits)
    content = bits - (1 << count)
    full = content & (1 << words * word_bits) - 1
    ends = [*heads, content >> words * word_bits, left]
    return b"".join(n.to_bytes(4, "little") for n in ends) + full.to_bytes(words * word_bits // 8, "little")
