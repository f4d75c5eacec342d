"""Codecs and their combinators: inverses, inside jit and over batches, and the bits that bits-back coding costs."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import models, rans

LATENTS, PIXELS = 3, 8
GRID = models.NormalGrid(bits=5)
PRECISION = 16
PRIOR = rans.codec(GRID.prior(), shape=(LATENTS,))


def likelihood_model(latent):
    """Pixels 0 ... 7 around a line through the latents."""
    mean = 3.5 + jnp.repeat(GRID.value(latent), 3)[:PIXELS, None]
    return models.LogisticMixture(jnp.zeros_like(mean), mean, jnp.full_like(mean, 0.7), high=7, precision=PRECISION)


def posterior_model(image):
    mean = (image[: 3 * LATENTS : 3] - 3.5) / 2
    return GRID.posterior(mean.astype(jnp.float32), jnp.full(LATENTS, 0.4), precision=PRECISION)


def likelihood(latent):
    return rans.codec(likelihood_model(latent), shape=(PIXELS,))


def posterior(image):
    return rans.codec(posterior_model(image), shape=(LATENTS,))


VAE = jans.bits_back(PRIOR, likelihood, posterior)
IMAGES = np.random.default_rng(0).integers(0, 8, (6, PIXELS)).astype(np.int32)
CODER = cases.Coder("rans64", 1, PRECISION)


@pytest.fixture
def state():
    return CODER.random(0, 40, 100)


def test_serial(state):
    codec = jans.serial([rans.codec(models.Uniform(7), shape=(4,)), rans.codec(models.Bernoulli(0.2), shape=(2, 3))])
    data = (jnp.array([6, 0, 3, 1]), jnp.array([[0, 1, 0], [1, 1, 0]]))
    jans.check_codec(codec, state, data)
    # What is popped first was pushed last: the parts are read in their own order.
    assert rans.pop(codec.push(state, data), models.Uniform(7), shape=(4,))[1].tolist() == [6, 0, 3, 1]


def test_serial_wants_a_part_for_each(state):
    codec = jans.serial([PRIOR, PRIOR])
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        codec.push(state, (jnp.zeros(LATENTS, jnp.int32),))


def test_repeat(state):
    codec = jans.repeat(rans.codec(models.Uniform(7), shape=(2,)), 5)
    data = jnp.arange(10).reshape(5, 2) % 7
    jans.check_codec(codec, state, data)
    assert cases.content(codec.push(state, data)) == cases.content(rans.push(state, models.Uniform(7), data))


def test_repeat_of_nothing(state):
    codec = jans.repeat(PRIOR, 0)
    jans.check_codec(codec, state, jnp.zeros((0, LATENTS), jnp.int32))


def test_substack():
    state = {"a": CODER.random(1, 5, 20), "b": CODER.random(2, 5, 20)}
    inner = rans.codec(models.Uniform(7), shape=(4,))
    codec = jans.substack(inner, lambda s: s["b"], lambda s, part: s | {"b": part})
    data = jnp.array([1, 2, 3, 4])
    jans.check_codec(codec, state, data)
    pushed = codec.push(state, data)
    assert cases.same(pushed["a"], state["a"])
    assert cases.same(pushed["b"], inner.push(state["b"], data))


def test_bits_back(state):
    for image in IMAGES:
        jans.check_codec(VAE, state, jnp.asarray(image))


def test_a_chain_of_images_and_its_initial_bits(state):
    """Each image takes its latent's bits from those before it, and all of them come back."""
    codec = jans.repeat(VAE, len(IMAGES))
    jans.check_codec(codec, state, jnp.asarray(IMAGES))
    full = jax.jit(codec.push)(state, IMAGES)
    blob = jans.to_bytes(full)
    rest, again = jax.jit(codec.pop)(jans.from_bytes(blob, capacity=100))
    assert again.tolist() == IMAGES.tolist()
    assert cases.content(rest) == cases.content(state)


def test_the_price_is_the_elbo(state):
    """Net bits are those of prior and likelihood less those of the posterior, each to the grain of the head."""
    for image in map(jnp.asarray, IMAGES):
        after, latent = posterior(image).pop(state)
        gained = float(posterior_model(image).bits(latent).sum())
        assert rans.bits(state) - rans.bits(after) == pytest.approx(gained, abs=1e-3)
        spent = float(likelihood_model(latent).bits(image).sum()) + LATENTS * GRID.bits
        pushed = VAE.push(state, image)
        assert rans.bits(pushed) - rans.bits(state) == pytest.approx(spent - gained, abs=2e-3)
        state = pushed


def test_too_few_initial_bits_are_told():
    lean = cases.Coder("rans64", 2, PRECISION).init(100)
    codec = jans.repeat(VAE, len(IMAGES))
    with pytest.raises(jans.CodingError, match="start bits-back coding with more initial words"):
        jans.check(codec.push(lean, jnp.asarray(IMAGES)))


def test_chains_side_by_side():
    """A batch of chains is a vmap, and gives the bytes of each chain alone."""
    codec = jans.repeat(VAE, 3)
    states = [CODER.random(seed, 40, 100) for seed in (1, 2)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    images = jnp.asarray(IMAGES).reshape(2, 3, PIXELS)
    pushed = jax.jit(jax.vmap(codec.push))(batch, images)
    popped, again = jax.jit(jax.vmap(codec.pop))(pushed)
    assert (again == images).all()
    assert cases.content(popped) == cases.content(batch)
    for k, state in enumerate(states):
        alone = codec.push(state, images[k])
        assert cases.content(jax.tree.map(lambda leaf, k=k: leaf[k], pushed)) == cases.content(alone)


def test_a_hierarchy(state):
    """Bits-back inside bits-back: the prior of one model is another model's codec."""
    top = rans.codec(models.Uniform(4, precision=8), shape=(LATENTS,))
    inner = jans.bits_back(
        top,
        lambda z: rans.codec(models.Uniform(2**GRID.bits, precision=8), shape=(LATENTS,)),
        lambda latent: rans.codec(models.Uniform(1 + latent % 4, precision=8)),
    )
    jans.check_codec(jans.bits_back(inner, likelihood, posterior), state, jnp.asarray(IMAGES[0]))


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (jans.Codec(PRIOR.push, lambda s: (PRIOR.pop(s)[0], jnp.zeros(LATENTS, jnp.int32))), "changed the data"),
        (jans.Codec(lambda s, x: PRIOR.push(PRIOR.push(s, x), x), PRIOR.pop), "changed the state"),
        (jans.Codec(PRIOR.push, lambda s: (PRIOR.pop(s)[0], (PRIOR.pop(s)[1],))), "changed the data"),
    ],
)
def test_check_codec_finds_what_is_no_pair(state, codec, message):
    with pytest.raises(AssertionError, match=message):
        jans.check_codec(codec, state, jnp.array([1, 2, 3]))


def test_check_codec_ignores_words_beyond_the_size(state):
    data = jnp.array([1, 2, 3])

    def pop(s):
        s, again = PRIOR.pop(s)
        scratched = jnp.where(jnp.arange(s.capacity) < s.size, s.tail, 7)
        return rans.State(s.head, scratched, s.size, s.status, s.variant), again

    jans.check_codec(jans.Codec(PRIOR.push, pop), state, data)
