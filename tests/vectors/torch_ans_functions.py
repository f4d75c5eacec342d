"""Golden streams of the low-level functions of torch_ans 0.4.0, from the package itself.

python -m vectors.torch_ans_functions vectors/torch_ans_functions.json    (in tests, with torch and torch_ans)
"""

import importlib
import json
import pathlib
import sys
import zlib

from vectors.generate import Numbers

STREAMS, ROWS, SYMBOLS = 2, 3, 8
LENGTHS = (9, 0, 22)
"""Of the pushes, one after the other; then as many pops, the other way round."""
ROOM = 4000
"""The bytes of each stream: the package does not lengthen them under every version of torch."""
FAMILIES = {"rans64": 12, "rans32": 13, "rans32_16": 11, "tans32": 10, "tans16": 9, "tans8": 7}
CASES = [
    {"family": name, "lanes": lanes, "kind": kind, "precision": precision, "bypass": bypass}
    for name, precision in FAMILIES.items()
    for kind in (("", "_alias", "_invcdf") if name.startswith("rans") else ("",))
    for lanes, bypass in ((1, True), (4, True), (8, False))
] + [{"family": name, "lanes": 32, "kind": "", "precision": 7, "bypass": True} for name in ("rans32_16", "tans8")]


def names(case: dict) -> tuple[str, str, str]:
    """The functions of a case: those that make streams, push and pop."""
    name, kind = case["family"], case["kind"]
    suffix = f"_i{case['lanes']}" if case["lanes"] > 1 else ""
    alias = kind if kind == "_alias" else ""
    pop = f"{name}{alias}{suffix}{kind if kind == '_invcdf' else ''}_pop"
    return f"{name}_init_stream", f"{name}{alias}{suffix}_push", pop


def arguments(case: dict) -> dict:
    """The arguments that push and pop share."""
    bypass = {"bypass_coding": case["bypass"], "bypass_precision": 3}
    return {"freq_precision": case["precision"], **bypass}


def tables(library, cdfs, sizes, case: dict) -> tuple:
    """What push and pop take for cdfs."""
    precision, kind = case["precision"], case["kind"]
    if kind == "_alias":
        return library.rans_alias_build_table(cdfs, sizes, symbol_precision=3, freq_precision=precision)
    if kind == "_invcdf":
        return cdfs, library.rans_build_inverse_cdf(cdfs, precision, 5)
    if not case["family"].startswith("rans"):
        return (library.tans_build_tables(cdfs, sizes, precision),) * 2
    return cdfs, cdfs


def checksum(array) -> int:
    """A number that stands for the integers of an array."""
    return zlib.crc32(str(array.tolist()).encode())


def inputs(number: int) -> dict:
    """A case with its rows and its symbols, some of them outside of their rows or left out where that can be."""
    numbers, case = Numbers(number), CASES[number]
    total = 2 ** case["precision"]
    rows = []
    for _ in range(ROWS):
        inner = set()
        while len(inner) < SYMBOLS - 1:
            inner.add(1 + numbers.below(total - 1))
        rows.append([0, *sorted(inner), total])
    offsets = [numbers.below(9) - 4 for _ in range(ROWS)]
    steps = []
    for n in LENGTHS:
        indexes = [[numbers.below(ROWS + 1) - 1 for _ in range(n)] for _ in range(STREAMS)]
        inside = SYMBOLS - case["bypass"]
        symbols = [[0 if k < 0 else offsets[k] + numbers.below(inside) for k in row] for row in indexes]
        if case["bypass"]:
            symbols = [[s + (numbers.below(4001) - 2000) * (numbers.below(4) == 0) for s in row] for row in symbols]
        steps.append({"symbols": symbols, "indexes": indexes})
    return {**case, "cdfs": rows, "offsets": offsets, "steps": steps}


def outputs(vector: dict) -> dict:
    """A case with what torch_ans makes of it."""
    import torch

    library = importlib.import_module("torch_ans._C")

    def tensor(values):
        return torch.tensor(values, dtype=torch.int32)

    init, push, pop = (getattr(library, name) for name in names(vector))
    sizes, offsets = tensor([SYMBOLS + 1] * ROWS), tensor(vector["offsets"])
    pushed, popped = tables(library, tensor(vector["cdfs"]), sizes, vector)
    stream, steps = init(STREAMS, vector["lanes"], ROOM), []
    for step in vector["steps"]:
        pair = [tensor(step[name]) for name in ("symbols", "indexes")]
        push(stream, *pair, pushed, sizes, offsets, **arguments(vector))
        strings = [row[4 : 4 + n].tobytes() for row, n in zip(stream.numpy().view("u1"), stream[:, 0], strict=True)]
        steps.append({**step, "strings": [string.hex() for string in strings]})
    extra = {"inverse_cdf_precision": 5} if vector["kind"] == "_invcdf" else {}
    for step in reversed(steps):
        decoded = pop(stream, tensor(step["indexes"]), popped, sizes, offsets, **arguments(vector), **extra)
        step["decoded"] = decoded.tolist()
    return {**vector, "tables": [checksum(pushed), checksum(popped)], "steps": steps}


def document() -> str:
    """All of it, a line for each vector."""
    lines = [json.dumps(outputs(inputs(number))) for number in range(len(CASES))]
    return "[\n " + ",\n ".join(lines) + "\n]\n"


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(document())  # the package itself prints
