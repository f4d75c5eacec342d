"""Golden bytes of torch_ans 0.4.0, from the package itself.

python -m vectors.torch_ans vectors/torch_ans.json    (in tests, where torch and torch_ans are installed)
"""

import json
import pathlib
import sys

from vectors.generate import Numbers

CASES = [
    {"impl": "rans64"},
    {"impl": "rans64", "num_interleaves": 4, "num_parallel_states": 3, "freq_precision": 12},
    {"impl": "rans64", "freq_precision": 15, "how": "freqs"},
    {"impl": "rans64", "bypass_coding": False, "num_parallel_states": 2, "num_bytes_code_length": 2},
    {"impl": "rans32", "num_interleaves": 2, "bypass_coding": False, "num_parallel_states": 2, "how": "freqs"},
    {"impl": "rans32", "num_interleaves": 8, "bypass_precision": 7, "cache": True},
    {"impl": "rans32_16", "num_interleaves": 32, "bypass_precision": 2, "num_parallel_states": 2, "cache": True},
    {"impl": "rans32_16", "num_interleaves": 8, "bypass_coding": False, "cache": True, "how": "both"},
    {"impl": "tans32", "freq_precision": 12, "bypass_coding": False, "num_parallel_states": 3},
    {"impl": "tans16", "freq_precision": 10, "num_interleaves": 4},
    {"impl": "tans8", "num_interleaves": 2, "bypass_precision": 3, "num_parallel_states": 2, "cache": True},
    {"impl": "tans32", "freq_precision": 9, "num_interleaves": 32, "how": "freqs", "num_parallel_states": 2},
    {"impl": "rans64", "alias_sampling": True, "symbols": 15},
    {"impl": "rans64", "alias_sampling": True, "symbols": 3, "num_interleaves": 4, "freq_precision": 9, "how": "freqs"},
    {"impl": "rans32", "alias_sampling": True, "symbols": 8, "bypass_coding": False, "num_parallel_states": 2},
    {"impl": "rans32", "alias_sampling": True, "symbols": 31, "num_interleaves": 2, "cache": True, "how": "both"},
    {"impl": "rans32_16", "alias_sampling": True, "symbols": 63, "num_interleaves": 8, "freq_precision": 14},
]
SHAPE = (3, 7)
"""Of the symbols of a call: they do not divide into as many streams or states as most cases have."""


def params(numbers: Numbers, rows: int, n: int | None) -> dict:
    """Frequencies, of which no symbol gets half: torch_ans's tables are wrong then at 16 bits."""
    n = 3 + numbers.below(6) if n is None else n
    return {
        "freqs": [[4 + numbers.below(12) for _ in range(n)] for _ in range(rows)],
        "num_freqs": [n] * rows,
        "offsets": [numbers.below(9) - 4 for _ in range(rows)],
    }


def call(numbers: Numbers, args: dict, how: str, shared: dict, n: int | None) -> dict:
    """Symbols, an index or a row for each: some outside of their rows, or left out, where that can be."""
    count, bypass = SHAPE[0] * SHAPE[1], args.get("bypass_coding", True)
    table = shared if how == "indexes" else params(numbers, count, n)
    indexes = [numbers.below(len(table["offsets"])) for _ in range(count)] if how == "indexes" else range(count)
    symbols = [table["offsets"][k] + numbers.below(table["num_freqs"][k]) for k in indexes]
    if bypass:
        symbols = [s + (numbers.below(2001) - 1000) * (numbers.below(4) == 0) for s in symbols]
    if how == "indexes":
        return {"symbols": symbols, "indexes": [-1 if numbers.below(8) == 0 else k for k in indexes]}
    return {"symbols": symbols, **table}


def case(number: int, spec: dict) -> dict:
    numbers, args = Numbers(number), dict(spec)
    cache, how = args.pop("cache", False), args.pop("how", "indexes")
    n = args.pop("symbols", None)
    table = params(numbers, 3, n)
    kinds = ["indexes", "freqs", "indexes"] if how == "both" else [how] * (3 if cache else 1)
    calls = [call(numbers, args, kind, table, n) for kind in kinds]
    return {"args": args, "cache": cache, **table, "calls": calls}


def encode(vector: dict) -> dict:
    """A case with what torch_ans makes of it."""
    import torch
    from torch_ans.utils import TorchANSInterface

    def tensor(values, shape=(-1,)):
        return torch.tensor(values, dtype=torch.int32).reshape(shape)

    coder = TorchANSInterface(**vector["args"])
    coder.init_params(torch.tensor(vector["freqs"]), tensor(vector["num_freqs"]), tensor(vector["offsets"]))
    others = vector["args"]["impl"].startswith("tans") or "alias_sampling" in vector["args"]
    cdfs = None if others else coder.cdfs.tolist()  # others have more than that in their place
    data = None
    for one in vector["calls"]:
        symbols = tensor(one["symbols"], SHAPE)
        if "indexes" in one:
            data = coder.encode_with_indexes(symbols, tensor(one["indexes"], SHAPE), cache=vector["cache"])
        else:
            freqs = torch.tensor(one["freqs"]).reshape(*SHAPE, -1)
            table = freqs, tensor(one["num_freqs"], SHAPE), tensor(one["offsets"], SHAPE)
            data = coder.encode_with_freqs(symbols, *table, cache=vector["cache"])
    data = coder.flush() if vector["cache"] else data
    return {**vector, "cdfs": cdfs, "bytes": data.hex()}


def document() -> str:
    """All of it, a line for each vector."""
    lines = [json.dumps(encode(case(number, spec))) for number, spec in enumerate(CASES)]
    return "[\n " + ",\n ".join(lines) + "\n]\n"


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_text(document())  # the package itself prints
