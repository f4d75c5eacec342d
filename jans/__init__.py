"""Entropy coding for JAX: coders are values, `push` and `pop` are pure functions, and the hot loops are kernels."""

from jans import byte_strings as byte_strings
from jans import chain as chain
from jans import chunked as chunked
from jans import huffman as huffman
from jans import models as models
from jans import quantize as quantize
from jans import range_coder as range_coder
from jans import rans as rans
from jans import status as status
from jans import tans as tans
from jans.codecs import Codec as Codec
from jans.codecs import bits_back as bits_back
from jans.codecs import check_codec as check_codec
from jans.codecs import repeat as repeat
from jans.codecs import serial as serial
from jans.codecs import substack as substack
from jans.ffi.registry import devices as devices
from jans.ffi.registry import export_checks as export_checks
from jans.status import CodingError as CodingError
from jans.status import check as check
from jans.status import check_inside as check_inside
from jans.table_coder import TableCoder as TableCoder
from jans.wire import from_bytes as from_bytes
from jans.wire import to_bytes as to_bytes
