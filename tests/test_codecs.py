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
CODER = cases.Rans("rans64", 1, PRECISION)


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
        assert rans.content_bits(state) - rans.content_bits(after) == pytest.approx(gained, abs=1e-3)
        spent = float(likelihood_model(latent).bits(image).sum()) + LATENTS * GRID.bits
        pushed = VAE.push(state, image)
        assert rans.content_bits(pushed) - rans.content_bits(state) == pytest.approx(spent - gained, abs=2e-3)
        state = pushed


def test_too_few_initial_bits_are_told():
    lean = cases.Rans("rans64", 2, PRECISION).start(100)
    codec = jans.repeat(VAE, len(IMAGES))
    with pytest.raises(jans.CodingError, match="start it with more initial words"):
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


# ---- several latents ----


def gaussian(mean, scale):
    return rans.codec(GRID.posterior(mean, jnp.full(LATENTS, scale), precision=PRECISION), shape=(LATENTS,))


def below(latent):
    """The codec of a latent, given the one above it."""
    return gaussian(0.8 * GRID.value(latent), 0.6)


def above(latent):
    """The codec of a latent, given the one below it."""
    return gaussian(0.5 * GRID.value(latent), 0.5)


def cost(codec, state, data):
    pushed = codec.push(state, data)
    return float(rans.content_bits(pushed) - rans.content_bits(state)), pushed


LADDER = [(likelihood, posterior), (below, above), (below, above)]


def test_bit_swap(state):
    """Bits-back inside bits-back: the prior of one model is another model's codec."""
    codec = jans.bit_swap(PRIOR, LADDER)
    for image in map(jnp.asarray, IMAGES):
        jans.check_codec(codec, state, image)
    nested = jans.bits_back(jans.bits_back(jans.bits_back(PRIOR, below, above), below, above), likelihood, posterior)
    image = jnp.asarray(IMAGES[0])
    assert cases.content(codec.push(state, image)) == cases.content(nested.push(state, image))


def test_the_order_of_a_chain_does_not_change_its_price(state):
    """Bit-Swap against BB-ANS, which pops all latents before it pushes anything: the same model, and the same net bits
    but for a few percent, as in so small a model what was pushed last chooses much of what is popped next."""

    def bottom_up(image):
        codec = jans.ancestral([lambda: posterior(image), above, lambda _, middle: above(middle)])
        return jans.Codec(
            lambda s, latents: codec.push(s, latents[::-1]), lambda s: (lambda s, z: (s, z[::-1]))(*codec.pop(s))
        )

    prior = jans.ancestral([lambda: PRIOR, below, lambda _, middle: below(middle)])
    at_once = jans.bits_back(prior, lambda latents: likelihood(latents[-1]), bottom_up)
    jans.check_codec(at_once, state, jnp.asarray(IMAGES[0]))
    images = jnp.asarray(np.tile(IMAGES, (500 if cases.KERNELS else 3, 1)))
    full = CODER.random(0, 40, 4000)
    costs = [
        cost(jans.repeat(codec, len(images)), full, images)[0] for codec in (jans.bit_swap(PRIOR, LADDER), at_once)
    ]
    assert costs[0] == pytest.approx(costs[1], rel=0.05 if cases.KERNELS else 0.3)


def test_a_top_down_hierarchy(state):
    """Latents on bins of equal mass under a prior that depends on those above: dynamic discretisation."""
    spread = 0.7

    def mean_of(top):
        return 0.9 * GRID.value(top)

    def value(top, low):
        return mean_of(top) + spread * GRID.value(low)

    def infer(image):
        mean = (image[: 3 * LATENTS : 3] - 3.5) / 2
        return [
            lambda: gaussian(mean.astype(jnp.float32) / 2, 0.5),
            lambda top: gaussian((mean - mean_of(top)) / spread, 0.4 / spread),
        ]

    def decode(latents):
        mean = 3.5 + 2 * jnp.repeat(value(*latents), 3)[:PIXELS, None]
        mixture = models.LogisticMixture(jnp.zeros_like(mean), mean, jnp.full_like(mean, 0.7), high=7, precision=16)
        return rans.codec(mixture, shape=(PIXELS,))

    codec = jans.hierarchical([lambda: PRIOR, lambda top: PRIOR], decode, infer)
    for image in map(jnp.asarray, IMAGES):
        jans.check_codec(codec, state, image)
    jans.check_codec(jans.repeat(codec, len(IMAGES)), state, jnp.asarray(IMAGES))


def test_ancestral_wants_a_part_for_each(state):
    codec = jans.ancestral([lambda: PRIOR, below])
    with pytest.raises(ValueError, match="data must be a tuple of 2 parts, one for each codec, got 1"):
        codec.push(state, (jnp.zeros(LATENTS, jnp.int32),))


def choice(image, latents):
    """In proportion to p(x, z) / q(z | x)."""

    def log_weight(latent):
        joint = likelihood_model(latent).log_prob(image).sum() - LATENTS * GRID.bits * np.log(2)
        return joint - posterior_model(image).log_prob(latent).sum()

    return rans.codec(models.Categorical(logits=jax.vmap(log_weight)(latents), precision=PRECISION))


def of_samples(n):
    if n == 1:  # nothing to choose
        nothing = jans.Codec(lambda s, _: s, lambda s: (s, jnp.int32(0)))
        return jans.multi_sample(PRIOR, likelihood, posterior, lambda *_: nothing, nothing, 1)
    uniform = rans.codec(models.Uniform(n, PRECISION))
    return jans.multi_sample(PRIOR, likelihood, posterior, choice, uniform, n)


def test_more_samples_cost_less():
    state = CODER.random(0, 60, 400)
    images = jnp.asarray(np.tile(IMAGES, (20, 1)))
    costs = []
    for n in (1, 2, 6) if cases.KERNELS else (1, 6):
        codec = of_samples(n)
        jans.check_codec(codec, state, images[1])
        costs.append(cost(jans.repeat(codec, len(images)), state, images)[0])
    assert costs[0] == pytest.approx(cost(jans.repeat(VAE, len(images)), state, images)[0], rel=1e-6)
    assert sorted(costs, reverse=True) == costs


def coupled(n):
    return jans.coupled_multi_sample(PRIOR, likelihood, posterior_model, choice, n)


def test_coupled_samples_cost_as_little_with_the_bits_of_one():
    state = CODER.random(0, 60, 400)
    images = jnp.asarray(np.tile(IMAGES, (20, 1)))
    plain, single = (cost(jans.repeat(c, len(images)), state, images)[0] for c in (of_samples(6), VAE))
    several = jans.repeat(coupled(6), len(images))
    jans.check_codec(coupled(6), state, images[1])
    jans.check_codec(coupled(5), state, images[2])
    bits, full = cost(several, state, images)
    assert bits < 0.5 * (plain + single)
    popped, again = several.pop(full)
    assert again.tolist() == images.tolist()
    assert cases.content(popped) == cases.content(state)
    # Three quantiles of 16 bits and an index, where six samples take 6 times what one does.
    few = CODER.random(1, 2, 100)
    jans.check(coupled(6).push(few, images[0]))


def test_coupled_samples_of_a_posterior_with_too_many_bits(state):
    wide = jans.coupled_multi_sample(PRIOR, likelihood, lambda _: GRID.posterior(0.0, 1.0, precision=31), choice, 2)
    with pytest.raises(ValueError, match="at most 30 bits of precision, got 31"):
        wide.push(state, jnp.asarray(IMAGES[0]))


def test_vector_quantised(state):
    codec = jans.vector_quantised(PRIOR, likelihood, lambda image: image[: 3 * LATENTS : 3] * 4)
    for image in map(jnp.asarray, IMAGES):
        jans.check_codec(codec, state, image)
    empty = CODER.start(100)
    jans.check_codec(codec, empty, jnp.asarray(IMAGES[0]))


# ---- one after the other ----

WEIGHTS = np.random.default_rng(5).normal(0, 0.7, (3, 16, 16)).astype(np.float32)


@jans.isolated
def recurrent(carry, previous):
    """A network with a hidden state: logits of the next of 16 symbols."""
    carry = jnp.tanh(carry @ WEIGHTS[0] + jax.nn.one_hot(previous, 16) @ WEIGHTS[1])
    return carry, carry @ WEIGHTS[2] * 2


def recurrent_codec(n):
    return jans.autoregressive(recurrent, symbol, jnp.zeros(16), jnp.int32(0), n)


def symbol(logits):
    return rans.codec(models.Categorical(logits=logits, precision=PRECISION))


def transformer_codec(n):
    """What is carried is the cache of keys and values."""

    @jans.isolated
    def attend(cache, position, previous):
        x = jnp.asarray(WEIGHTS)[0, previous] + jnp.sin(position * jnp.arange(16))
        cache = cache.at[position].set(jnp.stack([x @ WEIGHTS[1], x @ WEIGHTS[2]]))
        scores = jnp.where(jnp.arange(len(cache)) <= position, cache[:, 0] @ x, -jnp.inf)
        return cache, jax.nn.softmax(scores) @ cache[:, 1]

    def step(carry, previous):
        cache, position = carry
        cache, logits = attend(cache, position, previous)
        return (cache, position + 1), logits

    return jans.autoregressive(step, symbol, (jnp.zeros((max(n, 1), 2, 16)), jnp.int32(0)), jnp.int32(0), n)


def pixel_codec(n):
    """What is carried is the image so far, of rows of seven pixels."""
    width = 7
    network = jans.isolated(lambda window: jnp.tanh(window.reshape(10) @ WEIGHTS[0][:10]) @ WEIGHTS[1])

    def step(carry, previous):
        seen, place = carry
        seen = seen.at[1 + (place - 1) // width, 2 + (place - 1) % width].set(previous)
        window = jax.lax.dynamic_slice(seen, (place // width, place % width), (2, 5))
        return (seen, place + 1), network(window)

    start = (jnp.zeros((2 + n // width, width + 4)), jnp.int32(0))
    return jans.autoregressive(step, symbol, start, jnp.int32(0), n)


@pytest.mark.parametrize("codec", [recurrent_codec, transformer_codec, pixel_codec])
@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_autoregressive(state, codec, n):
    data = jnp.asarray(np.random.default_rng(n).integers(0, 16, n).astype(np.int32))
    jans.check_codec(codec(n), state, data)
    pushed = jax.jit(codec(n).push)(state, data)
    popped, again = jax.jit(codec(n).pop)(pushed)
    assert again.tolist() == data.tolist()
    assert cases.content(popped) == cases.content(state)


def test_autoregressive_in_one_pass_writes_what_the_scan_writes(state):
    """A model of the last two symbols, with numbers from a table, which no program rounds otherwise."""
    logits = jnp.asarray(np.random.default_rng(6).normal(0, 2, (16, 16, 16)).astype(np.float32))

    def step(before, previous):
        return previous, logits[before, previous]

    def parallel(previous):
        before = jnp.concatenate([jnp.zeros(1, jnp.int32), previous[:-1]])
        return logits[before, previous]

    data = jnp.asarray(np.random.default_rng(7).integers(0, 16, 50).astype(np.int32))
    by_step = jans.autoregressive(step, symbol, jnp.int32(0), jnp.int32(0), 50)
    at_once = jans.autoregressive(step, symbol, jnp.int32(0), jnp.int32(0), 50, parallel)
    jans.check_codec(at_once, state, data)
    assert cases.content(jax.jit(at_once.push)(state, data)) == cases.content(by_step.push(state, data))


def test_autoregressive_costs_what_its_model_says(state):
    """It is likely what the model itself would write, which is decoding noise."""
    noise, written = recurrent_codec(200).pop(CODER.random(3, 200, 300))
    bits, _ = cost(recurrent_codec(200), CODER.random(4, 20, 300), written)

    def step(carry, symbol):
        carry, logits = recurrent(*carry)
        return (carry, symbol), models.Categorical(logits=logits, precision=PRECISION).bits(symbol)

    scan = jax.jit(lambda symbols: jax.lax.scan(step, (jnp.zeros(16), jnp.int32(0)), symbols)[1].sum())
    expected = float(scan(written))
    assert bits == pytest.approx(expected, rel=1e-3)
    assert expected < 200 * 3.9
    assert int(noise.status) == 0


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


def test_functions_may_return_one_direction():
    """What only measures needs no pop."""
    measure = jans.Codec(lambda bits, part: bits + 1.0, None)
    codec = jans.autoregressive(lambda carry, previous: (carry, previous), lambda _: measure, (), jnp.int32(0), n=5)
    assert codec.push(jnp.float32(0), jnp.arange(5)) == 5
