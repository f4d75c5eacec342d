"""Entropy coding for JAX.

Coders are values, `push` and `pop` are pure functions, and the inner loops are kernels.
"""

from jans import exact, models, quantize, status
from jans._version import __version__ as __version__
from jans.archive.in_jit import PackedArray, pack_array
from jans.archive.packing import Archive, open, pack, unpack
from jans.codecs import (
    Codec,
    ancestral,
    autoregressive,
    bit_swap,
    bits_back,
    check_codec,
    hierarchical,
    multi_sample,
    repeat,
    serial,
    substack,
    vector_quantised,
)
from jans.coders import chain, huffman, range_coder, rans, tans
from jans.ffi.registry import devices, export_checks
from jans.formats import byte_strings, chunked
from jans.formats.container import from_bytes, read_message, to_bytes, write_message
from jans.formats.fingerprints import check_end, fingerprint
from jans.formats.table_coder import TableCoder
from jans.isolation import isolated
from jans.recipes.accounting import Account, account, account_each, named
from jans.recipes.chains import fork, rejoin
from jans.recipes.coupled_sampling import coupled_multi_sample
from jans.recipes.multiset import multiset
from jans.status import CodingError, check, check_inside

__all__ = [
    "Account",
    "Archive",
    "Codec",
    "CodingError",
    "PackedArray",
    "TableCoder",
    "account",
    "account_each",
    "ancestral",
    "autoregressive",
    "bit_swap",
    "bits_back",
    "byte_strings",
    "chain",
    "check",
    "check_codec",
    "check_end",
    "check_inside",
    "chunked",
    "coupled_multi_sample",
    "devices",
    "exact",
    "export_checks",
    "fingerprint",
    "fork",
    "from_bytes",
    "hierarchical",
    "huffman",
    "isolated",
    "models",
    "multi_sample",
    "multiset",
    "named",
    "open",
    "pack",
    "pack_array",
    "quantize",
    "range_coder",
    "rans",
    "read_message",
    "rejoin",
    "repeat",
    "serial",
    "status",
    "substack",
    "tans",
    "to_bytes",
    "unpack",
    "vector_quantised",
    "write_message",
]


def __dir__() -> list[str]:
    return __all__
