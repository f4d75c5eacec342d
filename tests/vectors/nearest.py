"""Golden rows of `quantize.nearest`, from the packages whose rule it is: torch_ans 0.4.0 and CompressAI 1.2.8.

    python -m vectors.nearest > tests/vectors/nearest.json    (in tests, with torch_ans and compressai installed)

A row is given as numbers and what they are divided by, in float32: their sum for what tables are made of, and
2**(precision + 1) for the middle between two counts.
"""

import json
import pathlib

import numpy as np
from vectors.generate import Numbers

FILE = pathlib.Path(__file__).with_name("nearest.json")


def pmf(counts: list, divisor: float) -> np.ndarray:
    """What the packages were given."""
    return np.array(counts, np.float32) / np.float32(divisor)


def rows() -> list:
    """Precisions, counts and divisors."""
    numbers = Numbers(7)
    found = []
    for precision in (7, 12, 15, 16):
        for n in (1, 2, 17, 40):
            counts = [1 + numbers.below(200) for _ in range(n)]
            found.append((precision, counts, sum(counts)))
        few = [numbers.below(2**20) >> numbers.below(20) for _ in range(40)]
        found.append((precision, few, sum(few)))  # givers of all sizes
        rare = [numbers.below(3) == 0 for _ in range(50)]
        steep = [numbers.below(2**16) if k else 0 for k in rare]
        found.append((precision, steep, sum(steep)))  # most have none
        tail = [*(1 + numbers.below(200) for _ in range(20)), 1e-10]
        found.append((precision, tail, sum(tail)))  # torch_ans's symbol for values outside of an alphabet
        halves = [2 * numbers.below(2**precision // 16) + 1 for _ in range(30)]
        found.append((precision, halves, 2 ** (precision + 1)))  # all in the middle, and not normalised
        found.append((precision, [numbers.below(9) for _ in range(40)], 2 ** (precision - 3)))
    found.append((5, [0] * 20 + [1] + [0] * 11, 1))  # a place for each and no more
    found.append((4, [5] * 16, 16 * 5))
    return found


def document() -> str:
    """All of it, a line for each row: what it was made of, and its cumulative frequencies by both packages."""
    import torch
    import torch_ans.utils
    from compressai._CXX import pmf_to_quantized_cdf

    lines = []
    for precision, counts, divisor in rows():
        probs = pmf(counts, divisor)
        row = {"precision": precision, "counts": [float(c) if c % 1 else int(c) for c in counts], "divisor": divisor}
        row["away"] = pmf_to_quantized_cdf(probs.tolist(), precision)
        # It multiplies rounded counts by 2**precision in 32 bits.
        if np.rint(probs * np.float32(2**precision)).max() * 2**precision < 2**31:
            row["even"] = torch_ans.utils.rans_pmf_to_quantized_cdf(torch.tensor(probs), precision).tolist()
        lines.append(json.dumps(row))
    return "[\n" + ",\n".join(f" {line}" for line in lines) + "\n]\n"


if __name__ == "__main__":
    print(document(), end="")
