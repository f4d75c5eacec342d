"""Entropy models. A model gives every symbol an integer interval of [0, 2**precision)."""

from jans.models._base import Composite, Kernel, Model
from jans.models._escape import escape
from jans.models.bypass import Bypass
from jans.models.categorical import Bernoulli, Categorical
from jans.models.counts import BetaBinomial, Binomial, Geometric, Poisson
from jans.models.custom import Custom
from jans.models.distributions import from_distribution
from jans.models.floats import Float, float_keys
from jans.models.histogram import Histogram
from jans.models.integers import Cauchy, Gaussian, Laplace, Logistic, StudentT
from jans.models.latent import BinnedGaussian, NormalGrid
from jans.models.mixture import FixedPointGaussian, FixedPointLogistic, GaussianMixture, LogisticMixture
from jans.models.snapping import snap, snap_margin
from jans.models.table import Table
from jans.models.uniform import Uniform

__all__ = [
    "Bernoulli",
    "BetaBinomial",
    "BinnedGaussian",
    "Binomial",
    "Bypass",
    "Categorical",
    "Cauchy",
    "Composite",
    "Custom",
    "FixedPointGaussian",
    "FixedPointLogistic",
    "Float",
    "Gaussian",
    "GaussianMixture",
    "Geometric",
    "Histogram",
    "Kernel",
    "Laplace",
    "Logistic",
    "LogisticMixture",
    "Model",
    "NormalGrid",
    "Poisson",
    "StudentT",
    "Table",
    "Uniform",
    "escape",
    "float_keys",
    "from_distribution",
    "snap",
    "snap_margin",
]


def __dir__() -> list[str]:
    return __all__
