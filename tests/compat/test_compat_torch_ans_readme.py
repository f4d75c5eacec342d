"""The README of torch_ans 0.4.0 with other imports: its blocks of code, and calls as its reference writes them.

The blocks are quotations. They use torch, which need not be installed: a stand-in of this file has what they use.
"""

import sys
import types

import numpy as np
import pytest

from jans.compat import torch_ans

BENCHMARK = """
import torch
import torch_ans
import time

def benchmark_parallel_states(data_size_mb=50, device="cpu"):
  num_symbols = 256
  freq_precision = 16
  sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
  pmf = torch.ones(1, num_symbols, dtype=torch.float32, device=device) / num_symbols
  cdfs = torch_ans.rans_pmf_to_quantized_cdf(pmf, freq_precision)
  cdfs_sizes = torch.full((1,), cdfs.size(-1), dtype=torch.int32, device=device)
  offsets = torch.zeros(1, dtype=torch.int32, device=device)
  results = []
  for batch_size in sizes:
    num_data = int(data_size_mb * 1024 * 1024 / batch_size / 4)
    symbols = torch.randint(0, num_symbols, (batch_size, num_data), dtype=torch.int32, device=device)
    stream = torch_ans.rans64_init_stream(batch_size).to(device=device)
    start = time.time()
    torch_ans.rans64_push(stream, symbols, torch.zeros_like(symbols), cdfs, cdfs_sizes, offsets, freq_precision, bypass_coding=False)
    if device == "cuda":
      torch.cuda.synchronize()
    elapsed = time.time() - start
    results.append((batch_size, elapsed))
    print(f"Batch size: {batch_size:4d} | Time: {elapsed:.4f} s | Throughput: {(data_size_mb/elapsed):.2f} MB/s")
  return results


# Example usage:
print("Benchmarking on CPU:")
benchmark_parallel_states(data_size_mb=50, device="cpu")
# For GPU:
print("Benchmarking on GPU:")
benchmark_parallel_states(data_size_mb=50, device="cuda")
"""  # noqa: E501

HIGH_LEVEL = """
from torch_ans.utils import TorchANSInterface
coder = TorchANSInterface(impl="rans64", freq_precision=16, device="cpu")
coder.init_params(freqs, num_freqs, offsets)
encoded = coder.encode_with_indexes(symbols, indexes)
decoded = coder.decode_with_indexes(encoded, indexes)
"""

COOKBOOK = """
import torch
from torch_ans.utils import TorchANSInterface

# Prepare PMF and convert to quantized CDF
batch_size = 8
num_dists = 8
num_symbols = 256
pmf = torch.randint(1, 100, (num_dists, num_symbols), dtype=torch.int32)
num_freqs = torch.full((num_dists,), num_symbols, dtype=torch.int32)
offsets = torch.zeros(num_dists, dtype=torch.int32)

# Create coder interface
coder = TorchANSInterface(impl="rans64", freq_precision=16, device="cpu")
coder.init_params(pmf, num_freqs, offsets)

# Prepare symbols and indexes
seq_len = 1024
symbols = torch.randint(0, num_symbols, (batch_size, seq_len), dtype=torch.int32)
indexes = torch.randint(0, num_dists, (batch_size, seq_len), dtype=torch.int32)

# Encode
encoded = coder.encode_with_indexes(symbols, indexes)

# Decode
decoded = coder.decode_with_indexes(encoded, indexes)

assert torch.equal(decoded, symbols)
"""

# The last columns of the table of variants: functions that make streams, push and pop.
VARIANTS = """
rans64_init_stream rans64_push rans64_pop
- rans64_i4_push rans64_i4_pop
- rans64_alias_push rans64_alias_pop
- rans64_push rans64_invcdf_pop
rans32_init_stream rans32_push rans32_pop
- rans32_i4_push rans32_i4_pop
- rans32_alias_push rans32_alias_pop
- rans32_push rans32_invcdf_pop
rans32_16_init_stream rans32_16_push rans32_16_pop
- rans32_16_i4_push rans32_16_i4_pop
- rans32_16_alias_push rans32_16_alias_pop
- rans32_16_push rans32_16_invcdf_pop
"""


class Tensor:
    """What the README uses of a tensor. NumPy cannot read one that is not in the memory of the host."""

    def __init__(self, array, device="cpu"):
        self.array, self.device = np.asarray(array), device

    def __array__(self, dtype=None, copy=None):
        if self.device != "cpu":
            raise TypeError("can't convert a tensor of a device to numpy")
        return self.array

    def __truediv__(self, number):
        return Tensor(self.array / np.float32(number), self.device)

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.array)

    def size(self, dim):
        return self.array.shape[dim]


def stand_in():
    """A module that has what the README uses of torch, with tensors of NumPy's arrays."""
    random = np.random.default_rng(0)
    torch = types.ModuleType("torch")
    torch.Tensor, torch.float32, torch.int32 = Tensor, np.float32, np.int32
    torch.tensor = lambda array, device="cpu": Tensor(np.array(array), device)
    torch.ones = lambda *shape, dtype, device="cpu": Tensor(np.ones(shape, dtype), device)
    torch.zeros = lambda *shape, dtype, device="cpu": Tensor(np.zeros(shape, dtype), device)
    torch.full = lambda shape, value, dtype, device="cpu": Tensor(np.full(shape, value, dtype), device)
    torch.zeros_like = lambda tensor: Tensor(np.zeros_like(tensor.array), tensor.device)
    torch.randint = lambda low, high, shape, dtype, device="cpu": Tensor(
        random.integers(low, high, shape, dtype), device
    )
    torch.equal = lambda a, b: a.device == b.device and np.array_equal(a.array, b.array)
    torch.cuda = types.SimpleNamespace(synchronize=lambda: None)
    return torch


@pytest.fixture(params=["the stand-in", "torch"])
def torch(request, monkeypatch):
    """The stand-in, and torch where it is installed."""
    if request.param == "torch":
        return pytest.importorskip("torch", reason="the package torch is not installed")
    monkeypatch.setitem(sys.modules, "torch", module := stand_in())
    return module


def with_our_imports(block):
    """A block of which only the imports are changed."""
    for theirs, ours in {
        "import torch_ans\n": "from jans.compat import torch_ans\n",
        "from torch_ans.utils import": "from jans.compat.torch_ans import",
    }.items():
        block = block.replace(theirs, ours)
    return block


def test_benchmark(torch, capsys):
    block = with_our_imports(BENCHMARK).replace("data_size_mb=50", "data_size_mb=0.02")
    without = torch.Tensor is not Tensor and not torch.cuda.is_available()
    exec(block.partition("# For GPU")[0] if without else block, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line[:22] for line in lines[1:3]] == ["Batch size:    1 | Tim", "Batch size:    2 | Tim"]
    assert len(lines) == (14 if without else 28)


def test_cookbook(torch):
    found = {}
    exec(with_our_imports(COOKBOOK), found)
    assert isinstance(found["decoded"], torch.Tensor)


def test_high_level_reference(torch):
    names = {"freqs": [[8, 4, 4], [1, 1, 14]], "num_freqs": [3, 3], "offsets": [-1, 0]}
    names |= {"symbols": [[0, 1, 70], [2, 2, 1]], "indexes": [[0, 0, 0], [1, 1, 1]]}
    found = {name: torch.tensor(np.array(value, np.int32)) for name, value in names.items()}
    exec(with_our_imports(HIGH_LEVEL), found)
    assert isinstance(found["decoded"], torch.Tensor)
    assert np.asarray(found["decoded"]).tolist() == names["symbols"]


@pytest.mark.parametrize("line", VARIANTS.split("\n")[1:-1])
def test_low_level_reference(torch, line):
    """The calls of the reference, with its names of arguments, for every line of the table of variants."""
    _, push, pop = (getattr(torch_ans, name, None) for name in line.split())
    init = getattr(torch_ans, line.split()[1].replace("_i4", "").replace("_alias", "").replace("_push", "_init_stream"))
    values = [[0, 4, 9, 12, 16]], [5], [-1], [[-1, 0, 2, 50]] * 3, [[0] * 4] * 3
    cdfs, cdfs_sizes, offsets, symbols, indexes = (torch.tensor(np.array(value, np.int32)) for value in values)
    common = {"cdfs_sizes": cdfs_sizes, "offsets": offsets, "freq_precision": 4}
    common |= {"bypass_coding": True, "bypass_precision": 2}
    pushed = popped = cdfs
    if "alias" in line:
        pushed, popped = torch_ans.rans_alias_build_table(cdfs, cdfs_sizes, symbol_precision=2, freq_precision=4)
    if "invcdf" in line:
        popped = torch_ans.rans_build_inverse_cdf(cdfs, freq_precision=4, table_precision=3)
    stream = init(size=3, num_interleaves=4 if "_i4" in line else 1, preallocate_size=8)
    assert push(stream=stream, symbols=symbols, indexes=indexes, cdfs=pushed, **common) is None
    byte_strings = torch_ans.rans_stream_to_byte_strings(stream)
    stream = torch_ans.rans_byte_strings_to_stream(byte_strings)
    decoded = pop(stream=stream, indexes=indexes, cdfs=popped, **common)
    assert isinstance(decoded, torch.Tensor)
    assert np.asarray(decoded).tolist() == values[3]
