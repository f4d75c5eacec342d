"""The Python interface of constriction 0.5.0, with the same names, arguments, words and kinds of errors.

>>> import numpy as np
>>> from jans.compat import constriction
>>> model = constriction.stream.model.QuantizedGaussian(-100, 100, 12.6, 7.3)
>>> coder = constriction.stream.stack.AnsCoder()
>>> coder.encode_reverse(np.array([12, 15, 4, -2, 18, 5], dtype=np.int32), model)
>>> coder.get_compressed()
array([745994372,     25704], dtype=uint32)
>>> coder.decode(model, 6)
array([12, 15,  4, -2, 18,  5], dtype=int32)

`docs/constriction.md` lists what is the same and what differs.
"""

from jans.compat.constriction import stream as stream
from jans.compat.constriction import symbol as symbol
