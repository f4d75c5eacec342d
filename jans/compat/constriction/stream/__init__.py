"""Stream codes: coders that amortise bits over many symbols, and the models that they share."""

from jans.compat.constriction.stream import chain as chain
from jans.compat.constriction.stream import model as model
from jans.compat.constriction.stream import queue as queue
from jans.compat.constriction.stream import stack as stack
