"""Golden bitstreams, from the coder in Python integers; the byte format is built here once more, from docs/format.md.

    python tests/vectors/generate.py > tests/vectors/rans.json

What is in the file was released: its bytes decode for ever. A changed line is a breaking change.
"""

import json
import struct
import zlib

from jans._variants import RANS
from jans.reference import spec

N, SIZE = 45, 9
CASES = [
    (name, lanes, precision)
    for name, precisions in {
        "rans64": (24, 32),
        "rans64_ryg": (16, 31),
        "rans32_16": (12, 15),
        "rans32": (18, 23),
    }.items()
    for lanes in (1, 3, 32)
    for precision in precisions
]


class Numbers:
    """Pseudo-random numbers that no library can change (Numerical Recipes' generator)."""

    def __init__(self, seed: int):
        self.x = seed

    def below(self, n: int) -> int:
        self.x = (1664525 * self.x + 1013904223) % 2**32
        return self.x * n >> 32


def table(numbers: Numbers, precision: int) -> list[int]:
    """Cumulative frequencies from skewed to even, symbol 3 with none."""
    cuts = sorted(1 + (numbers.below(2**precision - 1) >> numbers.below(precision)) for _ in range(SIZE - 2))
    return [0, *cuts[:3], *cuts[2:], 2**precision]


def words(name: str, coder: spec.rans.Coder) -> bytes:
    width = RANS[name].word_bits // 8
    return b"".join(word.to_bytes(width, "little") for word in spec.rans.words(RANS[name], coder))


def wire(name: str, coders: list[spec.rans.Coder], batch: tuple[int, ...] = (), fingerprint: int = 0) -> bytes:
    """Coders as docs/format.md says: prefix, batch shape, sizes, heads, tails, checksum."""
    v = RANS[name]
    number, lanes = RANS[name].number, len(coders[0][0])
    body = b"JANS" + bytes([1, 1, number, len(batch)]) + struct.pack("<IQ", lanes, fingerprint)
    body += b"".join(struct.pack("<I", length) for length in batch)
    body += b"".join(struct.pack("<i", len(tail)) for _, tail in coders)
    body += b"".join(head.to_bytes(v.state_bits // 8, "little") for heads, _ in coders for head in heads)
    body += b"".join(word.to_bytes(v.word_bits // 8, "little") for _, tail in coders for word in tail)
    return sealed(body)


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def message(name: str, lanes: int, precision: int) -> dict:
    v, numbers = RANS[name], Numbers(1000 * lanes + precision)
    cdf = table(numbers, precision)
    legal = [s for s in range(SIZE) if cdf[s] < cdf[s + 1]]
    symbols = [legal[numbers.below(len(legal))] for _ in range(N)]
    coder = spec.rans.push(v, spec.rans.init(v, lanes), cdf, symbols, precision)
    return {
        "variant": name,
        "lanes": lanes,
        "precision": precision,
        "cdf": cdf,
        "symbols": symbols,
        "words": words(name, coder).hex(),
        "bytes": wire(name, [coder], fingerprint=precision).hex(),
    }


def batch() -> dict:
    """Six streams in a batch of shape (3, 2), of different lengths, some of them empty."""
    v = RANS["rans32_16"]
    cdf, rows = [0, 1, 5, 16], [[(i * k + k) % 3 for i in range(4 * k)] for k in range(6)]
    coders = [spec.rans.push(v, spec.rans.init(v, 2), cdf, symbols, 4) for symbols in rows]
    return {"cdf": cdf, "precision": 4, "symbols": rows, "bytes": wire(v.name, coders, (3, 2)).hex()}


def refused() -> list[dict]:
    """Bytes that are no stream, and how the error begins."""
    v = RANS["rans64"]
    coder = spec.rans.push(v, spec.rans.init(v, 2), [0, 1, 16], [0] * 40, 4)
    good = wire("rans64", [coder])
    body = good[:-4]
    low = wire("rans64", [((2**32 - 1, 2**32), ())])
    ryg = wire("rans64_ryg", [((2**63,), ())])
    floor = wire("rans64", [((5,), (1,))])

    def changed(at: int, value: bytes) -> bytes:
        return sealed(body[:at] + value + body[at + len(value) :])

    made = {
        "nothing": (b"", "these bytes are cut short: 20"),
        "foreign": (b"ZIP!" + good[4:], "these bytes are not from jans"),
        "later version": (changed(4, b"\x02"), "these bytes have format version 2"),
        "unknown coder": (changed(5, b"\xff"), "these bytes name a coder that this jans does not have: coder 255"),
        "unknown variant": (
            changed(6, b"\x04"),
            "these bytes name a coder that this jans does not have: coder 1, variant 4",
        ),
        "too many dimensions": (changed(7, b"\x09"), "these bytes are damaged or made up: 9 dimensions"),
        "no lanes": (changed(8, bytes(4)), "these bytes are damaged or made up: 0 dimensions, 0 lanes"),
        "many lanes": (
            changed(8, b"\xff" * 4),
            "these bytes are damaged or made up: a batch of shape (), 4294967295 lanes",
        ),
        "negative length": (
            changed(20, b"\xff" * 4),
            "these bytes are damaged or made up: a stream has a negative length",
        ),
        "cut short": (good[:-1], "these bytes are cut short"),
        "one byte more": (good + b"\0", "these bytes go on for 1 bytes"),
        "damaged": (good[:30] + bytes([good[30] ^ 1]) + good[31:], "these bytes are damaged: their checksum"),
        "head too low": (low, "these bytes are made up: a jans.rans.State cannot hold such numbers"),
        "head too high": (ryg, "these bytes are made up: a jans.rans.State cannot hold such numbers"),
        "head too low above words": (floor, "these bytes are made up: a jans.rans.State cannot hold such numbers"),
    }
    return [{"what": what, "bytes": data.hex(), "error": error} for what, (data, error) in made.items()]


def document() -> str:
    """All of it, a line for each vector."""
    parts = {"messages": [message(*case) for case in CASES], "batches": [batch()], "refused": refused()}
    lines = ["{"]
    for name, vectors in parts.items():
        lines += [f' "{name}": [', ",\n".join("  " + json.dumps(vector) for vector in vectors), " ],"]
    return "\n".join([*lines[:-1], " ]", "}"]) + "\n"


if __name__ == "__main__":
    print(document(), end="")
