"""The range coder in plain Python integers:
the specification that all other implementations are compared with.

All numbers are modulo 2**64. An encoder is `(lower, range, pending, words)`; a carry may still change the
pending words.
"""

WRAP, MIN_RANGE = 2**64, 2**32

Encoder = tuple[int, int, tuple[int, ...], tuple[int, ...]]

START: Encoder = (0, WRAP - 1, (), ())


def _settled(pending: tuple[int, ...], carry: bool) -> tuple[int, ...]:
    """Pending words after it is known whether a carry is added to them."""
    number = sum(word << 32 * k for k, word in enumerate(reversed(pending))) + carry
    return tuple(number >> 32 * k & (MIN_RANGE - 1) for k in reversed(range(len(pending))))


def encode(encoder: Encoder, start: int, freq: int, precision: int) -> Encoder:
    """Narrows the interval to that of a symbol."""
    lower, size, pending, words = encoder
    scale = size >> precision
    after, size = (lower + scale * start) % WRAP, scale * freq
    if pending and (after + size) % WRAP > after:
        pending, words = (), words + _settled(pending, after < lower)
    if size < MIN_RANGE:
        word, after, size = after >> 32, (after << 32) % WRAP, size << 32
        if pending or (after + size) % WRAP <= after:
            pending += (word,)
        else:
            words += (word,)
    return after, size, pending, words


def finish(encoder: Encoder) -> tuple[int, ...]:
    """The words of the message: all words that left the encoder,
    and those that name a number of the interval."""
    lower, size, pending, words = encoder
    if size == WRAP - 1:
        return words
    point = (lower + MIN_RANGE - 1) % WRAP
    words += (*_settled(pending, point < lower), point >> 32) if pending else (point >> 32,)
    return words + (0,) * ((lower + size) % WRAP >> 32 == point >> 32)


def decode(words: list[int], cdf: list[int], n: int, precision: int) -> list[int]:
    """The symbols of a message, under one model."""
    ahead = iter(words)
    read = lambda: next(ahead, 0)
    point, lower, size, symbols = read() << 32 | read(), 0, WRAP - 1, []
    for _ in range(n):
        scale = size >> precision
        quantile = (point - lower) % WRAP // scale
        symbol = max(s for s in range(len(cdf) - 1) if cdf[s] <= quantile)
        symbols.append(symbol)
        lower, size = (lower + scale * cdf[symbol]) % WRAP, scale * (cdf[symbol + 1] - cdf[symbol])
        if size < MIN_RANGE:
            lower, size, point = (lower << 32) % WRAP, size << 32, (point << 32 | read()) % WRAP
    return symbols
