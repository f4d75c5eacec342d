"""A network that gives the decoder other numbers is reported before decoding or after it, never decoded into noise."""

import dataclasses
import functools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jans
from jans import huffman, models, range_coder, rans

PIXELS, LEVELS, LATENT, HIDDEN, CHAINS, IMAGES = 16, 5, 4, 32, 8, 20
GRID = models.NormalGrid(bits=8)
DATA = jax.random.randint(jax.random.key(5), (CHAINS, IMAGES, PIXELS), 0, LEVELS)


def random_weights(seed):
    keys = jax.random.split(jax.random.key(seed), 4)
    sizes = ((PIXELS, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, PIXELS * LEVELS))
    layers = [jax.random.normal(key, size) / size[0] ** 0.5 for key, size in zip(keys, sizes, strict=True)]
    return {"encoder": layers[:2], "decoder": layers[2:]}


def network(layers, x):
    return jnp.tanh(x @ layers[0]) @ layers[1]


def codec(weights):
    def posterior(image):
        mean, log_scale = jnp.split(network(weights["encoder"], image / 2 - 1), 2)
        return rans.codec(GRID.posterior(mean, jnp.exp(log_scale - 1)))

    def likelihood(latent):
        logits = network(weights["decoder"], GRID.value(latent)).reshape(PIXELS, LEVELS)
        return rans.codec(models.Categorical(logits=logits))

    return jans.bits_back(rans.codec(GRID.prior(), shape=(LATENT,)), likelihood, posterior)


def random_bits(seed, n_words, chains=CHAINS):
    keys = jax.random.split(jax.random.key(seed), chains)
    return jax.vmap(lambda key: rans.random(key, n_words, capacity=150))(keys)


@functools.partial(jax.jit, compiler_options=cases.USUAL)
def encode(weights, state, images):
    return jax.vmap(jans.repeat(codec(weights), IMAGES).push)(state, images)


@functools.partial(jax.jit, compiler_options=cases.USUAL)
def decode(weights, state):
    return jax.vmap(jans.repeat(codec(weights), IMAGES).pop)(state)


def canary(weights, chains=CHAINS):
    return jans.fingerprint(decode(weights, random_bits(1, 60, chains)))


WEIGHTS, START = random_weights(0), random_bits(0, 8)


@pytest.fixture(scope="module")
def blob():
    return jans.to_bytes(encode(WEIGHTS, START, DATA), fingerprint=jans.fingerprint(WEIGHTS))


def scaled(by, where="decoder", layer=0):
    """The weights with one changed, the largest of a layer."""
    changed = jax.tree.map(lambda leaf: leaf, WEIGHTS)
    flat = WEIGHTS[where][layer].reshape(-1)
    changed[where][layer] = flat.at[jnp.abs(flat).argmax()].multiply(by).reshape(WEIGHTS[where][layer].shape)
    return changed


def reported(left, start):
    try:
        jans.check_end(left, start)
    except jans.CodingError:
        return True
    return False


def outcome(left, start, decoded, images):
    if reported(left, start):
        return "reported"
    assert (decoded == images).all(), "noise"
    return "exact"


OTHERS = {
    "other weights": lambda: random_weights(1),
    "a weight of the decoder": lambda: scaled(1 + 1e-6),
    "a weight of the encoder": lambda: scaled(1 + 1e-6, "encoder"),
}
others = pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)


# ---- a network whose floats differ ----


def test_the_network_of_the_encoder_is_not_reported(blob):
    state = jans.from_bytes(blob, spare=LATENT, fingerprint=jans.fingerprint(random_weights(0)))
    left, decoded = decode(WEIGHTS, state)
    assert outcome(left, START, decoded, DATA) == "exact"
    assert canary(WEIGHTS) == canary(random_weights(0))


@others
def test_other_weights_are_refused(blob, other):
    with pytest.raises(jans.CodingError, match="symbols would decode to noise"):
        jans.from_bytes(blob, fingerprint=jans.fingerprint(other()))


@others
def test_a_canary_tells_them_before_decoding(other):
    assert canary(other()) != canary(WEIGHTS)


@others
def test_the_end_tells_them_after_decoding(blob, other):
    left, decoded = decode(other(), jans.from_bytes(blob, spare=LATENT))
    assert (decoded != DATA).any()
    assert outcome(left, START, decoded, DATA) == "reported"


@pytest.mark.parametrize("where", ["encoder", "decoder"])
@pytest.mark.parametrize("layer", [0, 1])
def test_whatever_differs_is_decoded_exactly_or_reported(blob, where, layer):
    found = []
    for by in (1 + 2**-23, 1 + 2**-21, 1 + 2**-18, 1 + 2**-10):
        left, decoded = decode(scaled(by, where, layer), jans.from_bytes(blob, spare=LATENT))
        found.append(outcome(left, START, decoded, DATA))
    assert found[-1] == "reported"


def test_another_batch_shape_is_decoded_exactly_or_reported(blob):
    state = jans.from_bytes(blob, spare=LATENT)
    for chain in range(CHAINS):
        one = lambda tree, at=slice(chain, chain + 1): jax.tree.map(lambda leaf: leaf[at], tree)
        left, decoded = decode(WEIGHTS, one(state))
        outcome(left, one(START), decoded, DATA[chain : chain + 1])
    assert canary(WEIGHTS, chains=1) != canary(WEIGHTS)


def test_a_fingerprint_tells_floats_of_another_batch_shape_where_they_differ():
    """On many processors nearly all of these do, in their last bits."""
    keys = jax.random.split(jax.random.key(2), 3)
    layers = [jax.random.normal(keys[0], (784, 512)) / 28, jax.random.normal(keys[1], (512, 100)) / 23]
    x = jax.random.normal(keys[2], (64, 784))
    apply = jax.jit(network)
    few, many = apply(layers, x[:4]), apply(layers, x)[:4]
    np.testing.assert_allclose(few, many, atol=1e-4)
    assert (jans.fingerprint(few) == jans.fingerprint(many)) == cases.same(few, many)


# ---- parameters on a grid ----

CONTEXT = jax.random.normal(jax.random.key(7), (10, LATENT))
PLAIN_START = rans.random(jax.random.key(8), n_words=0, capacity=100)
BITS = 5


def coded(logits, read=lambda logits: logits):
    """What comes of images that are encoded with logits [10, PIXELS, LEVELS] and decoded with others."""
    images = DATA[0, :10]
    model = lambda these: models.Categorical(logits=these.reshape(10, PIXELS, LEVELS))
    left, decoded = rans.pop(rans.push(PLAIN_START, model(logits), images), model(read(logits)))
    return outcome(left, PLAIN_START, decoded, images)


def test_snapped_parameters_survive_what_unsnapped_do_not():
    logits, other = (jax.jit(network)(weights["decoder"], CONTEXT) for weights in (WEIGHTS, scaled(1 + 1e-6)))
    difference = float(jnp.abs(other - logits).max())
    assert 0 < difference < float(models.snap_margin(logits, BITS).min()) / 4
    assert coded(logits, lambda _: other) == "reported"
    assert coded(models.snap(logits, BITS), lambda _: models.snap(other, BITS)) == "exact"


def test_a_margin_warns_before_a_snapped_parameter_falls_elsewhere():
    logits = jax.jit(network)(WEIGHTS["decoder"], CONTEXT)
    near = logits.at[0, 0].set(3.5 * 2.0**-BITS)
    assert float(models.snap_margin(near, BITS).min()) < 1e-6 < float(models.snap_margin(logits, BITS).min())
    moved = [near.at[0, 0].add(by) for by in (-1e-6, 1e-6)]
    assert {coded(models.snap(near, BITS), lambda _, m=m: models.snap(m, BITS)) for m in moved} == {"exact", "reported"}


# ---- the fingerprint ----


def test_a_fingerprint_is_the_same_for_ever():
    tree = {"b": [jnp.arange(3), jnp.ones((2, 1), jnp.bfloat16)], "a": (None, True, np.float32(0.5)), "c": 7}
    assert jans.fingerprint(tree) == 0x5C74D34C4464F342
    assert jans.fingerprint(jax.tree.map(np.asarray, tree)) == 0x5C74D34C4464F342


def test_everything_counts_in_a_fingerprint():
    trees = [
        {"a": jnp.zeros(4)},
        {"b": jnp.zeros(4)},
        {"a": -jnp.zeros(4)},
        {"a": jnp.zeros(4, jnp.int32)},
        {"a": jnp.zeros((2, 2))},
        {"a": [jnp.zeros(4)]},
        {"a": [jnp.zeros(2), jnp.zeros(2)]},
        {"a": jnp.zeros(4).at[3].set(1e-45)},
        {},
    ]
    assert len({jans.fingerprint(tree) for tree in trees}) == len(trees)


def test_words_that_are_not_in_use_do_not_count():
    state = rans.push(rans.init(8), models.Uniform(2**20), jnp.arange(5))
    left, _ = rans.pop(state, models.Uniform(2**20), shape=(5,))
    assert not cases.same(left.tail, rans.init(8).tail)
    assert jans.fingerprint(left) == jans.fingerprint(rans.init(8))


def test_a_fingerprint_of_models_is_that_of_their_integers():
    tables = [models.Categorical(logits=jnp.array([0.0, 1.0, x])) for x in (2.0, 2.0, 2.001)]
    prints = [jans.fingerprint(model.interval(jnp.arange(3))) for model in tables]
    assert prints[0] == prints[1] != prints[2]


# ---- the end ----


@pytest.mark.parametrize("coder", cases.STACKS, ids=str)
def test_an_end_is_the_start_or_reported(coder):
    model = models.Uniform(50, precision=coder.precision)
    for start in (coder.start(100), coder.random(0, 5, 100)):
        full = rans.push(start, model, jnp.arange(40))
        left, _ = rans.pop(full, model, shape=(40,))
        assert jans.check_end(left, coder.start(0) if not int(start.size) else coder.random(0, 5, 5)) is left
        for wrong in (full, rans.pop(full, model, shape=(39,))[0], coder.random(1, 5, 100)):
            with pytest.raises(jans.CodingError, match=r"words, encoding began with \d, and their bits differ"):
                jans.check_end(wrong, start)


def test_an_end_names_the_stream():
    three = jax.vmap(lambda key: rans.random(key, 2, 9))(jax.random.split(jax.random.key(0), 3))
    for leaf, at in (("tail", (1, 0)), ("head", (1, 0, 0)), ("size", (1,))):
        other = dataclasses.replace(three, **{leaf: getattr(three, leaf).at[at].add(1)})
        with pytest.raises(jans.CodingError, match=r"stream 1 of 3 \(1 at fault\): decoding left . words, encoding"):
            jans.check_end(other, three)


def test_an_end_tells_the_status_too():
    model = models.Uniform(2**20)
    full = rans.push(rans.init(2), model, jnp.arange(9))
    with pytest.raises(jans.CodingError, match=r"network of the encoder. Also, the tail is full .* at least \d words"):
        jans.check_end(full, rans.init(0))
    with pytest.raises(jans.CodingError, match="a symbol outside of its model's support"):
        jans.check_end(rans.push(rans.init(2), model, jnp.array([-1])), rans.init(0))


QUEUES = {
    "range_coder": lambda x: range_coder.finish(range_coder.encode(range_coder.encoder(50), models.Uniform(10), x)),
    "huffman": lambda x: huffman.reader(huffman.encode(huffman.queue(50), CODEBOOK, x)),
}
CODEBOOK = huffman.codebook(np.full(10, 0.1))


@pytest.mark.parametrize("name", QUEUES)
def test_the_end_of_a_queue(name):
    symbols = jnp.arange(40).reshape(2, 20) % 10
    readers = jax.vmap(QUEUES[name])(symbols)

    def read(n, reader=readers):
        step = {
            "range_coder": lambda d: range_coder.decode(d, models.Uniform(10), (n,))[0],
            "huffman": lambda r: huffman.decode(r, CODEBOOK, (n,))[0],
        }[name]
        return jax.vmap(step)(reader)

    left = read(20)
    assert jans.check_end(left) is left
    one = jax.tree.map(lambda done, begun: jnp.stack([done[0], begun[1]]), left, read(5))
    with pytest.raises(jans.CodingError, match=r"^stream 1 of 2 \(1 at fault\): the message goes on after the last"):
        jans.check_end(one)
    with pytest.raises(jans.CodingError, match="ran past the end of the message"):
        jans.check_end(read(60))
    with pytest.raises(TypeError, match=rf"a jans\.{name}\.\w+ has no start to compare with. Leave it out"):
        jans.check_end(left, left)


def test_the_end_of_a_stack_needs_its_start():
    with pytest.raises(TypeError, match=r"start is missing: pass the jans\.rans\.State that encoding began with"):
        jans.check_end(rans.init(3))


def test_a_single_head_that_began_empty_may_end_so_after_noise():
    """Which is why `check_end` asks for random bits there: the number stays at zero when it is read on."""
    found = {"empty": set(), "random": set()}
    for seed in range(20):
        symbols = jnp.round(3 * jax.random.normal(jax.random.key(seed), (200,))).astype(jnp.int32)
        for name, start in (("empty", rans.init(400)), ("random", rans.random(jax.random.key(77), 0, 400))):
            state = rans.push(start, models.Gaussian(0.0, 3.0, -50, 50, precision=20), symbols)
            left, decoded = rans.pop(state, models.Gaussian(0.01, 3.0, -50, 50, precision=20), shape=(200,))
            assert (decoded != symbols).any()
            found[name].add(reported(left, start))
    assert found == {"empty": {True, False}, "random": {True}}
