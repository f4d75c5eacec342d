"""A hierarchical VAE of small images: a latent of the whole image,
and a small latent for each patch that depends on it.

Both priors and posteriors go from the whole to the parts. The bins of a patch's latent have equal mass under
its own prior, which the decoder knows once it has the latent above. In units of that prior, the bins are
always the same grid.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from vae import LATENT_PRECISION, VAE, Config, coded, divergence, gaussian, linear

import jans

MARGIN = 2  # pixels around its patch that the encoder of a local latent sees


class Mixing(nnx.Module):
    """A residual layer that mixes patches, then features."""

    def __init__(self, patches: int, features: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(features, rngs=rngs)
        self.patches, self.features = linear(patches, patches, rngs), linear(features, features, rngs)

    def __call__(self, x: Array) -> Array:
        """Features `[..., patches, features]`."""
        mixed = self.patches(nnx.silu(self.norm(x)).swapaxes(-1, -2)).swapaxes(-1, -2)
        return x + self.features(mixed)


class Ladder(VAE):
    """The VAE with `config.local` more latent numbers for each patch."""

    def __init__(self, shape: tuple[int, int], levels: int, config: Config, rngs: nnx.Rngs) -> None:
        super().__init__(shape, levels, config, rngs)
        features, head, local = config.features, config.head, config.local
        patches, side = self.grid[0] * self.grid[1], config.patch + 2 * MARGIN
        self.look = nnx.Sequential(linear(side**2, head, rngs), nnx.silu, linear(head, features, rngs))
        self.local_encoder = nnx.Sequential(
            nnx.LayerNorm(2 * features, rngs=rngs), linear(2 * features, head, rngs), nnx.silu,
            linear(head, 2 * local, rngs, gain=0.1),
        )  # fmt: skip
        self.local_prior = nnx.Sequential(
            linear(features, head, rngs), nnx.silu, linear(head, 2 * local, rngs, gain=0.1)
        )
        self.into = linear(local, features, rngs)
        self.mixing = nnx.Sequential(Mixing(patches, features, rngs), Mixing(patches, features, rngs))

    def windows(self, x: Array) -> Array:
        """Every patch with the pixels around it: `[..., patches, pixels]`."""
        batch, side = x.shape[:-1], self.config.patch
        image = jnp.pad(x.reshape(*batch, *self.shape), [(0, 0)] * len(batch) + [(MARGIN, MARGIN)] * 2)
        rows, columns = (np.arange(n)[:, None] * side + np.arange(side + 2 * MARGIN) for n in self.grid)
        cut = image[..., rows, :][..., columns]  # [..., row, y, column, x]
        return cut.swapaxes(-3, -2).reshape(*batch, len(rows) * len(columns), -1)

    def conditional(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation `[..., patches, local]` of the prior,
        given the features of the latent above."""
        return gaussian(self.local_prior(nnx.silu(features)))

    def local_posterior(self, features: Array, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation `[..., patches, local]` of the posterior, in units of the prior.

        It is conditional on the features of the latent above.
        """
        seen = self.look(self.windows(self.normalise(x)))
        return gaussian(self.local_encoder(jnp.concatenate([features, seen], -1)))

    def refined(self, features: Array, local: Array) -> Array:
        """The features with local latents `[..., patches, local]`, which are in units of their prior."""
        mean, scale = self.conditional(features)
        return self.mixing(features + self.into(mean + scale * local))

    def bits(self, key: Array, x: Array) -> Array:
        """As for the VAE."""
        above, below = jax.random.split(key)
        mean, scale = self.posterior(x)
        features = self.features(mean + scale * jax.random.normal(above, mean.shape))
        local_mean, local_scale = self.local_posterior(features, x)
        local = local_mean + local_scale * jax.random.normal(below, local_mean.shape)
        pixels = self.pixels(self.refined(features, local)).log_prob(x).sum(-1) / np.log(2)
        return divergence(mean, scale) + divergence(local_mean, local_scale).sum(-1) - pixels

    @property
    def latents(self) -> int:
        """The number of latent numbers of an image."""
        return self.config.latent + self.grid[0] * self.grid[1] * self.config.local

    def codec(self) -> jans.Codec:
        """One image `[H * W]`: all latents, then the pixels."""
        grid = jans.models.NormalGrid(self.config.latent_bits)
        features = lambda top: self.features(grid.value(top))

        @jans.isolated
        def pixels(top: Array, local: Array) -> jans.models.Model:
            return self.pixels(self.refined(features(top), grid.value(local)))

        @jans.isolated
        def inferred(image: Array) -> jans.models.Model:
            return grid.posterior(*self.posterior(image), LATENT_PRECISION)

        @jans.isolated
        def local_inferred(top: Array, image: Array) -> jans.models.Model:
            return grid.posterior(*self.local_posterior(features(top), image), LATENT_PRECISION)

        def likelihood(latents: tuple[Array, Array]) -> jans.Codec:
            return coded("pixels", pixels(*latents), jnp.uint8)

        def posterior(image: Array) -> list:
            return [
                lambda: coded("latent from posterior", inferred(image)),
                lambda top: coded("patches from posterior", local_inferred(top, image)),
            ]

        whole = jans.rans.codec(grid.prior(), shape=(self.config.latent,))
        parts = jans.rans.codec(grid.prior(), shape=(self.grid[0] * self.grid[1], self.config.local))
        prior = [lambda: jans.named("latent with prior", whole), lambda top: jans.named("patches with prior", parts)]
        return jans.hierarchical(prior, likelihood, posterior)
