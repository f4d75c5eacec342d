"""Entropy models: every symbol owns an integer interval of [0, 2**precision)."""

from jans.models.base import Kernel as Kernel
from jans.models.base import Model as Model
from jans.models.categorical import Bernoulli as Bernoulli
from jans.models.categorical import Categorical as Categorical
from jans.models.gaussian import BinnedGaussian as BinnedGaussian
from jans.models.gaussian import NormalGrid as NormalGrid
from jans.models.logistic import LogisticMixture as LogisticMixture
from jans.models.table import Table as Table
from jans.models.uniform import Uniform as Uniform
