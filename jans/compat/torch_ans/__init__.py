"""The interface of torch_ans 0.4.0, byte for byte, for NumPy and JAX arrays and tensors: `docs/torch_ans.md`.

>>> import numpy as np
>>> from jans.compat.torch_ans import TorchANSInterface
>>> coder = TorchANSInterface("rans64", freq_precision=12)
>>> coder.init_params(np.array([[8, 4, 4], [1, 1, 14]]), np.array([3, 3]), np.array([-1, 0]))
>>> symbols, indexes = np.array([[-1, 0, 70], [2, 2, 1]]), np.array([[0, 0, 0], [1, 1, 1]])
>>> data = coder.encode_with_indexes(symbols, indexes)
>>> len(data)
12
>>> coder.decode_with_indexes(data, indexes)
array([[-1,  0, 70],
       [ 2,  2,  1]], dtype=int32)

The low-level functions of torch_ans push and pop in place:

>>> from jans.compat import torch_ans
>>> stream = torch_ans.rans64_init_stream(2)
>>> table = coder.cdfs, coder.cdfs_sizes, coder.offsets
>>> torch_ans.rans64_push(stream, symbols, indexes, *table, freq_precision=12)
>>> torch_ans.rans64_pop(stream, indexes, *table, freq_precision=12)
array([[-1,  0, 70],
       [ 2,  2,  1]], dtype=int32)
"""

from typing import Any

from jans.compat.torch_ans import _functions
from jans.compat.torch_ans._functions import rans_byte_strings_to_stream as rans_byte_strings_to_stream
from jans.compat.torch_ans._functions import rans_stream_to_byte_strings as rans_stream_to_byte_strings
from jans.compat.torch_ans._lookups import rans_alias_build_table as rans_alias_build_table
from jans.compat.torch_ans._lookups import rans_build_inverse_cdf as rans_build_inverse_cdf
from jans.compat.torch_ans._lookups import tans_build_tables as tans_build_tables
from jans.compat.torch_ans._streams import Stream as Stream
from jans.compat.torch_ans.interface import TorchANSInterface as TorchANSInterface
from jans.compat.torch_ans.interface import merge_bytes as merge_bytes
from jans.compat.torch_ans.interface import rans_pmf_to_quantized_cdf as rans_pmf_to_quantized_cdf
from jans.compat.torch_ans.interface import split_merged_bytes as split_merged_bytes


def __getattr__(name: str) -> Any:
    try:
        return _functions.FUNCTIONS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *_functions.FUNCTIONS])
