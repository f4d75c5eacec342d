"""Golden bytes of table ANS, from the coder in Python integers.

    python -m vectors.tans > tests/vectors/tans.json    (in tests)

What is in the file was released: its bytes decode for ever. A changed line is a breaking change.
"""

import bisect
import json
import pathlib

from vectors.generate import N, Numbers, table

from jans.reference import plain_tans as plain

FILE = pathlib.Path(__file__).with_name("tans.json")
CASES = [(lanes, precision) for lanes in (1, 3, 8) for precision in (4, 12, 15)] + [(1, 1), (2, 3)]


def message(lanes: int, precision: int) -> dict:
    numbers, word_bits = Numbers(1000 * lanes + precision), 16 if precision > 7 else 8
    cdf = [table(numbers, precision) for _ in range(2)]
    index = [numbers.below(2) for _ in range(N)]
    quantiles = [numbers.below(2**precision) for _ in index]
    symbols = [bisect.bisect_right(cdf[k], q) - 1 for k, q in zip(index, quantiles, strict=True)]
    spreads = [plain.spread(row, precision) for row in cdf]
    coder = plain.push(plain.init(lanes, precision), spreads, index, symbols)
    return {
        "lanes": lanes,
        "precision": precision,
        "word_bits": word_bits,
        "cdf": cdf,
        "index": index,
        "symbols": symbols,
        "bytes": plain.to_bytes(coder, word_bits).hex(),
    }


def document() -> str:
    """All of it, a line for each vector."""
    return "[\n" + ",\n".join(" " + json.dumps(message(*case)) for case in CASES) + "\n]\n"


if __name__ == "__main__":
    print(document(), end="")
