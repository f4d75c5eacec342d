"""Every kernel by name and coder: the shapes of its operands and results, and its reference in plain JAX."""

from jans.ffi.primitives import CALLS as CALLS
from jans.ffi.primitives import TARGETS as TARGETS
from jans.ffi.targets import bits as bits
from jans.ffi.targets import chain as chain
from jans.ffi.targets import fields as fields
from jans.ffi.targets import maps as maps
from jans.ffi.targets import range_coder as range_coder
from jans.ffi.targets import rans as rans
from jans.ffi.targets import tans as tans
