"""Golden bytes of table ANS, from the coder in Python integers.

    python -m vectors.tans > tests/vectors/tans.json    (in tests)

What is in the file was released: its bytes decode for ever. A changed line is a breaking change.
"""

import bisect
import json
import pathlib

from vectors.generate import SIZE, N, Numbers, table

from jans.reference import spec

FILE = pathlib.Path(__file__).with_name("tans.json")
CASES = [(lanes, precision) for lanes in (1, 3, 8) for precision in (4, 12, 15)] + [(1, 1), (2, 3)]
BYPASS_CASES = [(1, 12, 4), (2, 7, 5), (3, 4, 1), (4, 12, 2), (8, 15, 16), (32, 12, 8)]
FAR = [-(2**31), 2**31 - 1, -(2**30), 2**30 - 1, -70000, 300, -200, 60, -31, 20]


def message(lanes: int, precision: int) -> dict:
    numbers, word_bits = Numbers(1000 * lanes + precision), 16 if precision > 7 else 8
    cdf = [table(numbers, precision) for _ in range(2)]
    index = [numbers.below(2) for _ in range(N)]
    quantiles = [numbers.below(2**precision) for _ in index]
    symbols = [bisect.bisect_right(cdf[k], q) - 1 for k, q in zip(index, quantiles, strict=True)]
    spreads = [spec.tans.spread(row, precision) for row in cdf]
    coder = spec.tans.push(spec.tans.init(lanes, precision), spreads, index, symbols)
    return {
        "lanes": lanes,
        "precision": precision,
        "word_bits": word_bits,
        "cdf": cdf,
        "index": index,
        "symbols": symbols,
        "bytes": spec.tans.to_bytes(coder, word_bits).hex(),
    }


def bypassed(lanes: int, precision: int, digit_bits: int) -> dict:
    """Row 1 has symbols behind its escape symbol; some places are left out, and some values are far away."""
    numbers, word_bits = Numbers(1000 * lanes + precision), 16 if precision > 7 else 8
    cdf = [table(numbers, precision) for _ in range(2)]
    sizes = [SIZE, max(s for s in range(SIZE - 1) if cdf[1][s] < cdf[1][s + 1]) + 1]
    bypass = spec.tans.Bypass(digit_bits, [size - 1 for size in sizes], [-4, 17])
    index = [(0, 1, 0, 1, -1)[numbers.below(5)] for _ in range(N)]
    symbols = []
    for k in index:
        near = bypass.offset[k] + bisect.bisect_right(cdf[k], numbers.below(2**precision)) - 1
        far = bypass.offset[k] + FAR[numbers.below(len(FAR))]
        symbols.append(0 if k < 0 else near if numbers.below(3) else min(max(far, -(2**31)), 2**31 - 1))
    spreads = [spec.tans.spread(row, precision) for row in cdf]
    coder = spec.tans.push(spec.tans.init(lanes, precision), spreads, index, symbols, bypass)
    return {
        "lanes": lanes,
        "precision": precision,
        "word_bits": word_bits,
        "bypass_precision": digit_bits,
        "sizes": sizes,
        "offset": bypass.offset,
        "cdf": cdf,
        "index": index,
        "symbols": symbols,
        "bytes": spec.tans.to_bytes(coder, word_bits).hex(),
    }


def document() -> str:
    """All of it, a line for each vector."""
    vectors = [message(*case) for case in CASES] + [bypassed(*case) for case in BYPASS_CASES]
    return "[\n" + ",\n".join(" " + json.dumps(vector) for vector in vectors) + "\n]\n"


if __name__ == "__main__":
    print(document(), end="")
