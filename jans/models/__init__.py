"""Entropy models: every symbol owns an integer interval of [0, 2**precision)."""

from jans.models._base import Composite as Composite
from jans.models._base import Kernel as Kernel
from jans.models._base import Model as Model
from jans.models._escape import escape as escape
from jans.models.bypass import Bypass as Bypass
from jans.models.categorical import Bernoulli as Bernoulli
from jans.models.categorical import Categorical as Categorical
from jans.models.counts import BetaBinomial as BetaBinomial
from jans.models.counts import Binomial as Binomial
from jans.models.counts import Geometric as Geometric
from jans.models.counts import Poisson as Poisson
from jans.models.custom import Custom as Custom
from jans.models.distributions import from_distribution as from_distribution
from jans.models.histogram import Histogram as Histogram
from jans.models.integers import Cauchy as Cauchy
from jans.models.integers import Gaussian as Gaussian
from jans.models.integers import Laplace as Laplace
from jans.models.integers import Logistic as Logistic
from jans.models.latent import BinnedGaussian as BinnedGaussian
from jans.models.latent import NormalGrid as NormalGrid
from jans.models.mixture import GaussianMixture as GaussianMixture
from jans.models.mixture import LogisticMixture as LogisticMixture
from jans.models.snapping import snap as snap
from jans.models.snapping import snap_margin as snap_margin
from jans.models.table import Table as Table
from jans.models.uniform import Uniform as Uniform
