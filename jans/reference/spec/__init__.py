"""The coders in plain Python integers: the specification that all other implementations are compared with."""

from jans.reference.spec import chain as chain
from jans.reference.spec import huffman as huffman
from jans.reference.spec import range_coder as range_coder
from jans.reference.spec import rans as rans
from jans.reference.spec import tans as tans
