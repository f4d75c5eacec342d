"""Messages through the interfaces of torch_ans and CompressAI, next to the packages, for `tables.py`."""

import itertools
from collections.abc import Callable
from typing import Any

# Import this before JAX, because it sets the flags of XLA.
from measure import microseconds  # isort: skip

import numpy as np
import torch
from torch_ans.utils import TorchANSInterface

from jans.compat import compressai, torch_ans

LENGTHS = 16, 256, 4096


def torch_ans_messages(repetitions: int) -> list[tuple[str, ...]]:
    """Tensors and arrays, 64 tables of 200 values and 12 bits, with bypass coding."""
    rng = np.random.default_rng(0)
    places = np.abs(np.arange(200) - 100)
    tables = [np.maximum(1, 1000 * np.exp(-places / scale)) for scale in np.geomspace(0.5, 40, 64)]
    params = np.array(tables).astype(np.int32), np.full(64, 200, np.int32), np.full(64, -100, np.int32)
    calls: dict[str, Callable[[], object]] = {}
    for family, n in itertools.product(("rans64", "tans32"), LENGTHS):
        given = rng.integers(-20, 20, (1, n)).astype(np.int32), rng.integers(0, 64, (1, n)).astype(np.int32)
        strings = []
        for label, make, convert in (
            ("peer", TorchANSInterface, torch.tensor),
            ("jans", torch_ans.TorchANSInterface, np.asarray),
        ):
            coder: Any = make(family, freq_precision=12)
            coder.init_params(*map(convert, params))
            symbols, index = map(convert, given)
            strings.append(coder.encode_with_indexes(symbols, index))
            assert (np.asarray(coder.decode_with_indexes(strings[-1], index)) == given[0]).all()
            name = f"`{family}`, {n} symbols"
            calls[f"{name}, encode|{label}"] = lambda c=coder, x=symbols, k=index: c.encode_with_indexes(x, k)
            calls[f"{name}, decode|{label}"] = lambda c=coder, b=strings[-1], k=index: c.decode_with_indexes(b, k)
        assert strings[0] == strings[1]
    return microseconds(calls, repetitions)


def compressai_messages(repetitions: int, ans: Any) -> list[tuple[str, ...]]:
    """Lists, one table of 5 values or 64 Gaussians, with bypass coding. `ans` is the module of the package."""
    rng = np.random.default_rng(0)
    calls: dict[str, Callable[[], object]] = {}
    for (label, scales), n in itertools.product(
        (("one table of 5 values", [0.5]), ("64 tables", np.geomspace(0.11, 40, 64))), LENGTHS
    ):
        rows = gaussian_rows(scales)
        index = rng.integers(0, len(scales), n)
        symbols = np.rint(rng.normal(0, np.asarray(scales)[index])).astype(int).tolist()
        index = index.tolist()
        strings = []
        for library, module in (("peer", ans), ("jans", compressai)):
            data = module.RansEncoder().encode_with_indexes(symbols, index, *rows)
            strings.append(data)
            assert module.RansDecoder().decode_with_indexes(data, index, *rows) == symbols
            name = f"{n} symbols, {label}"
            calls[f"{name}, encode|{library}"] = lambda m=module, x=symbols, k=index, r=rows: (
                m.RansEncoder().encode_with_indexes(x, k, *r)
            )
            calls[f"{name}, decode|{library}"] = lambda m=module, b=data, k=index, r=rows: (
                m.RansDecoder().decode_with_indexes(b, k, *r)
            )
        assert strings[0] == strings[1]
    return microseconds(calls, repetitions)


def gaussian_rows(scales: Any) -> tuple[list[list[int]], list[int], list[int]]:
    """Rows of 16 bits as lists of one length, their sizes and their offsets."""
    reach = [max(2, int(np.ceil(4 * scale))) for scale in scales]
    cdfs = []
    for scale, far in zip(scales, reach, strict=True):
        mass = np.exp(-0.5 * (np.arange(-far, far + 1) / scale) ** 2)
        cdfs.append(compressai.pmf_to_quantized_cdf([*(mass / mass.sum()), 1e-6], 16))
    width = max(map(len, cdfs))
    return [cdf + [0] * (width - len(cdf)) for cdf in cdfs], [len(cdf) for cdf in cdfs], [-far for far in reach]
