"""Accounts: who put which bits on the stack, and that they are all there."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import models, rans

GRID = models.NormalGrid(bits=5)
PIXELS, LATENTS = 8, 3


def likelihood_model(latent):
    mean = 3.5 + jnp.repeat(GRID.value(latent), 3)[:PIXELS, None]
    return models.LogisticMixture(jnp.zeros_like(mean), mean, jnp.full_like(mean, 0.7), high=7, precision=16)


def posterior_model(image):
    mean = (image[: 3 * LATENTS : 3] - 3.5) / 2
    return GRID.posterior(mean.astype(jnp.float32), jnp.full(LATENTS, 0.4), precision=16)


VAE = jans.bits_back(
    jans.named("prior", rans.codec(GRID.prior(), shape=(LATENTS,))),
    lambda latent: jans.named("pixels", rans.codec(likelihood_model(latent))),
    lambda image: jans.named("posterior", rans.codec(posterior_model(image))),
)
IMAGES = np.random.default_rng(0).integers(0, 8, (6, PIXELS)).astype(np.int32)


def random(seed, variant="rans64"):
    return cases.Coder(variant, 1, 16).random(seed, 40, 200)


@pytest.mark.parametrize("coder", cases.CODERS, ids=str)
def test_every_name_has_the_bits_of_its_models(coder):
    if coder.precision < 16:
        codec = jans.named("prior", rans.codec(models.Uniform(8, 6), shape=(40,)))
        after, books = jans.account(codec, coder.random(0, 40, 200), jnp.arange(40) % 8)
        assert books.total["prior"] == pytest.approx(120, abs=1)
        return
    state = coder.random(0, 40, 200)
    image = jnp.asarray(IMAGES[0])
    after, books = jans.account(VAE, state, image)
    assert cases.content(after) == cases.content(VAE.push(state, image))
    assert books.names == ("posterior", "pixels", "prior", "other")
    _, latent = rans.pop(state, posterior_model(image))
    expected = {
        "posterior": -float(posterior_model(image).bits(latent).sum()),
        "pixels": float(likelihood_model(latent).bits(image).sum()),
        "prior": LATENTS * 5,
        "other": 0,
    }
    for name, bits in expected.items():
        assert books.total[name] == pytest.approx(bits, abs=0.02), name
    assert float(books.initial) == pytest.approx(float(rans.content_bits(state)), abs=1e-3)


def test_each_datum_has_its_line_and_the_lines_sum_up():
    state = random(1)
    after, books = jans.account_each(VAE, state, jnp.asarray(IMAGES))
    assert cases.content(after) == cases.content(jans.repeat(VAE, len(IMAGES)).push(state, jnp.asarray(IMAGES)))
    assert books.bits.shape == (len(IMAGES), 4)
    whole = jans.account(jans.repeat(VAE, len(IMAGES)), state, jnp.asarray(IMAGES))[1]
    assert whole.names == books.names
    np.testing.assert_array_equal(books.bits.sum(0), whole.bits)
    # The last image was pushed first.
    alone = jans.account(VAE, state, jnp.asarray(IMAGES[-1]))[1]
    np.testing.assert_array_equal(alone.bits, books.bits[-1])
    assert (books.bits[:, 0] < 0).all()


def test_a_batch_of_chains_and_their_file():
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[random(seed) for seed in (1, 2)])
    images = jnp.asarray(IMAGES).reshape(2, 3, PIXELS)
    after, books = jans.account_each(VAE, states, images)
    assert books.bits.shape == (2, 3, 4)
    for k in range(2):
        _, alone = jans.account_each(VAE, random(k + 1), images[k])
        np.testing.assert_array_equal(alone.bits, books.bits[k])
    data = jans.to_bytes(after)
    rows = books.of_file(data)
    assert sum(rows.values()) == 8 * len(data)
    assert list(rows) == ["posterior", "pixels", "prior", "other", "initial bits", "format"]
    # 20 bytes, a batch dimension, the size of each stream and a checksum; and heads have 64 bits each.
    header = 8 * (20 + 4 + 2 * 4 + 4)
    heads = sum(64 - (float(held) - 32 * int(n)) for held, n in zip(rans.content_bits(after), after.size, strict=True))
    assert rows["format"] == pytest.approx(header + heads, abs=1e-3)


def test_names_within_names_and_parts_without_one():
    inner = jans.named("inner", rans.codec(models.Uniform(4), shape=(10,)))
    outer = jans.named("outer", jans.serial([rans.codec(models.Uniform(2), shape=(7,)), inner]))
    codec = jans.serial([outer, rans.codec(models.Uniform(2**10), shape=(3,))])
    data = ((jnp.zeros(7, jnp.int32), jnp.ones(10, jnp.int32)), jnp.arange(3))
    _, books = jans.account(codec, random(0), data)
    assert {name: round(bits, 1) for name, bits in books.total.items()} == {"inner": 20, "outer": 7, "other": 30}


def test_names_do_nothing_elsewhere():
    codec, plain = (rans.codec(models.Uniform(9), shape=(5,)) for _ in range(2))
    codec = jans.named("digits", codec)
    jans.check_codec(codec, random(0), jnp.arange(5))
    assert cases.content(codec.push(random(0), jnp.arange(5))) == cases.content(plain.push(random(0), jnp.arange(5)))


def test_popping_is_booked_as_what_comes_back():
    codec = jans.named("digits", rans.codec(models.Uniform(8), shape=(50,)))
    turned = jans.Codec(lambda s, _: codec.pop(s)[0], codec.pop)
    assert jans.account(turned, random(0), jnp.zeros(1))[1].total["digits"] == pytest.approx(-150, abs=0.01)


def test_long_books_stay_exact():
    """Words and their parts are integers: what is booked is what is there, after any number of data."""
    state = random(0, "rans32_16")
    codec = jans.named("bit", rans.codec(models.Bernoulli(0.01, precision=12)))
    bits = jnp.zeros(20_000, jnp.int32)
    after, books = jans.account(jans.repeat(codec, 20_000), state, bits)
    assert books.total["bit"] == pytest.approx(float(rans.content_bits(after) - rans.content_bits(state)), abs=1e-3)
    assert books.total["other"] == 0


def test_what_cannot_be_accounted():
    codec = rans.codec(models.Uniform(4), shape=(3,))
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2, 3, *leaf.shape)), random(0))
    with pytest.raises(ValueError, match=r"one coder or a batch \[streams\], got a batch of shape \(2, 3\)"):
        jans.account(codec, batch, jnp.zeros((2, 3, 3), jnp.int32))
    with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
        jans.account(codec, random(0), jnp.array([1, 2, 9]))


def test_the_table():
    _, books = jans.account(jans.named("digits", rans.codec(models.Uniform(8), shape=(4,))), random(0), jnp.arange(4))
    assert books.table(per=4, unit="bits a digit").splitlines() == [
        "digits        3.0000 bits a digit",
        "other         0.0000 bits a digit",
        "sum           3.0000 bits a digit",
    ]


class Axes:
    """What a plot draws on, and remembers."""

    def __init__(self):
        self.bars, self.steps = {}, []

    def bar(self, place, height, width, bottom, label):
        self.bars[label.split()[0]] = (np.array(height), np.array(bottom))

    def stairs(self, values, edges, **_):
        self.steps = list(values)

    def __getattr__(self, name):
        return lambda *_, **__: None


def test_the_plot_shows_what_comes_back_below_zero():
    _, books = jans.account_each(VAE, random(1), jnp.asarray(IMAGES))
    axes = Axes()
    books.plot(axes, per=PIXELS)
    assert set(axes.bars) == {"posterior", "pixels", "prior"}
    back, bottom = axes.bars["posterior"]
    assert (back < 0).all()
    assert (bottom == 0).all()
    np.testing.assert_allclose(axes.bars["prior"][1], axes.bars["pixels"][0])
    np.testing.assert_allclose(axes.steps, books.bits.sum(1) / PIXELS)


def test_weights_within_a_codec_are_no_constants():
    """Constants would compile to other floats than those of a decoder that takes weights as arguments."""
    grid = models.NormalGrid(10)
    random = np.random.default_rng(0)
    weights = jnp.asarray(random.normal(size=(30, 30)), jnp.float32), jnp.float32(3.7)
    images = jnp.asarray(random.integers(0, 256, (8, 30)), jnp.int32)

    def codec(weights):
        matrix, spread = weights

        def posterior(image):
            mean = jnp.tanh((image / spread - 0.3) @ matrix) / spread
            return rans.codec(grid.posterior(mean, jnp.exp(mean) / spread))

        likelihood = lambda latent: rans.codec(models.Gaussian(100 * grid.value(latent) / spread, 50.0, 0, 255))
        return jans.bits_back(rans.codec(grid.prior(), shape=(30,)), likelihood, posterior)

    start = rans.random(jax.random.key(0), 30, 400)
    accounted, _ = jans.account_each(codec(weights), start, images)
    pushed = jax.jit(lambda w, s: jans.repeat(codec(w), 8).push(s, images))(weights, start)
    assert np.array_equal(rans.to_words(accounted), rans.to_words(pushed))
