"""Golden bytes of CompressAI 1.2.8, from the package itself.

python -m vectors.compressai > tests/vectors/compressai.json    (in tests, where compressai is installed)
"""

import json
import math
import sys

from vectors.generate import Numbers

PMFS = [
    ([0.25, 0.5, 0.125, 0.125], 16),
    ([1.0], 16),
    ([0.9999, 1e-9, 1e-9, 5e-5, 0.0], 16),
    ([0.1] * 9, 3 + 5),
    ([0.5, 0.0, 0.0, 0.0, 0.3, 0.2], 3),
    ([1.5 / 2**10, 2.5 / 2**10, 0.5 / 2**10, 1020.5 / 2**10], 10),
]
CALLS = [[40], [17, 1, 30], [2]]


def gaussian(scale: float) -> list[float]:
    """Probabilities of the integers up to five scales from zero, and a little for all others."""
    reach = math.ceil(5 * scale)
    values = [math.exp(-(x**2) / (2 * scale**2)) for x in range(-reach, reach + 1)]
    return [*(v / sum(values) for v in values), 1e-6]


def case(number: int, lengths: list[int]) -> dict:
    """Symbols of some calls, a few of them far from their row's alphabet."""
    from compressai._CXX import pmf_to_quantized_cdf

    numbers = Numbers(number)
    rows = [list(map(int, pmf_to_quantized_cdf(gaussian(scale), 16))) for scale in (0.2, 1.1, 6.0)]
    width = max(map(len, rows))
    offsets = [-(len(row) - 2) // 2 for row in rows]
    calls = []
    for length in lengths:
        indexes = [numbers.below(3) for _ in range(length)]
        places = [numbers.below(len(rows[k])) + offsets[k] for k in indexes]
        far = [(numbers.below(2) * 2 - 1) * numbers.below(2 ** numbers.below(26)) for _ in indexes]
        calls.append(
            {"symbols": [p if numbers.below(5) else f for p, f in zip(places, far, strict=True)], "indexes": indexes}
        )
    return {
        "cdfs": [row + [0] * (width - len(row)) for row in rows],
        "sizes": list(map(len, rows)),
        "offsets": offsets,
        "calls": calls,
    }


def encode(vector: dict) -> dict:
    """A case with what CompressAI makes of it."""
    from compressai import ans

    encoder = ans.BufferedRansEncoder()
    for call in vector["calls"]:
        table = vector["cdfs"], vector["sizes"], vector["offsets"]
        encoder.encode_with_indexes(call["symbols"], call["indexes"], *table)
    return {**vector, "bytes": encoder.flush().hex()}


def quantise(pmf: list[float], precision: int) -> dict:
    """Probabilities with what CompressAI makes of them."""
    from compressai._CXX import pmf_to_quantized_cdf

    return {"pmf": pmf, "precision": precision, "cdf": list(map(int, pmf_to_quantized_cdf(pmf, precision)))}


def document() -> str:
    """All of it, a line for each vector."""
    messages = [json.dumps(encode(case(number, lengths))) for number, lengths in enumerate(CALLS)]
    tables = [json.dumps(quantise(*pmf)) for pmf in PMFS]
    parts = [
        f'"{name}": [\n  ' + ",\n  ".join(part) + "\n ]" for name, part in (("messages", messages), ("pmfs", tables))
    ]
    return "{\n " + ",\n ".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(document())
