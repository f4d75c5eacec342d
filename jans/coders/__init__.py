"""The coders.

Each has immutable states, and pure functions that put symbols on a state and take them off again.
"""

from jans.coders import chain as chain
from jans.coders import huffman as huffman
from jans.coders import range_coder as range_coder
from jans.coders import rans as rans
from jans.coders import tans as tans
