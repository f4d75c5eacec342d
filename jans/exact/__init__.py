"""Networks whose numbers do not depend on where, how or in which batch they are computed.

Floats are kept on grids that are so coarse that no sum of products is rounded: then neither the order of a sum nor
fused operations nor the processor matter. `Grid` rounds to them, the layers compute with them, `freeze` makes weights
for them, and `prove` shows that a program as a whole is exact.
"""

from jans.exact.freezing import freeze
from jans.exact.grids import Grid
from jans.exact.integers import in_integers
from jans.exact.layers import conv, conv_transpose, dense
from jans.exact.norms import attention, rms_norm, softmax
from jans.exact.proof import InexactError, Input, Proof, Sum, prove
from jans.exact.tables import exp, gelu, sigmoid, silu, tabulated, tanh

__all__ = [
    "Grid", "InexactError", "Input", "Proof", "Sum", "attention", "conv", "conv_transpose", "dense", "exp", "freeze",
    "gelu", "in_integers", "prove", "rms_norm", "sigmoid", "silu", "softmax", "tabulated", "tanh",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
