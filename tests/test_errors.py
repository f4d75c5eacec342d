"""Every sentence that a user can read: each names what was wanted, what came, and what to do."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

import jans
from jans import models, quantize, rans, status
from jans.ffi import targets
from jans.reference import spec

EVEN = models.Uniform(10)
STATE = rans.init(4, lanes=2)
FIVE = jnp.arange(5)
LATENT = rans.codec(models.Uniform(4), ())


class Halves(models.Model):
    """Of shape (2,), with a leaf that does not lead with this shape."""

    leaves = ("first",)

    def __init__(self):
        self.first, self.precision = jnp.uint32(8), 4

    @property
    def shape(self):
        return (2,)

    def interval(self, symbols):
        return self.first * symbols.astype(jnp.uint32), jnp.full(symbols.shape, 8, jnp.uint32)

    def locate(self, quantiles):
        return (quantiles >= self.first).astype(jnp.int32)

    def log_prob(self, symbols):
        return jnp.full(symbols.shape, -np.log(2))


def changed(state, **fields):
    parts = {name: getattr(state, name) for name in ("head", "tail", "size", "status", "variant")}
    return rans.State(**parts | fields)


VALUE = {
    "variant": (lambda: rans.init(4, variant="rans16"), "variant must be one of rans64, .*, got 'rans16'"),
    "lanes": (lambda: rans.init(4, lanes=0), "lanes must be at least 1, got 0"),
    "capacity": (lambda: rans.init(-1), r"capacity must be from 0 to 2\*\*31 - 1 words, got -1"),
    "random words": (
        lambda: rans.random(jax.random.key(0), 5, 4),
        "n_words must be from 0 to the capacity of 4 words, got 5",
    ),
    "a batch": (
        lambda: rans.push(jax.tree.map(lambda leaf: leaf[None], STATE), EVEN, FIVE),
        r"state must be one stream, .* \(1, 2, 2\), .* Map a batch of streams with jax.vmap",
    ),
    "coder precision": (
        lambda: rans.push(rans.init(4, variant="rans32_16"), EVEN, FIVE),
        "variant rans32_16 codes with 1 to 15 bits of precision, got 24. Build the model with precision=15 or less",
    ),
    "symbols do not fit": (
        lambda: rans.push(STATE, models.Uniform(jnp.array([3, 4])), FIVE),
        r"symbols of shape \(5,\) do not fit a model of shape \(2,\): .* use jax.vmap",
    ),
    "a shape does not fit": (
        lambda: rans.pop(STATE, models.Uniform(jnp.array([3, 4])), shape=(5,)),
        r"symbols of shape \(5,\) do not fit a model of shape \(2,\)",
    ),
    "a leaf without its shape": (
        lambda: rans.pop(changed(STATE), Halves()),
        r"the leaves of a model of shape \(2,\) must lead with this shape.*got one of shape \(\)",
    ),
    "peek": (lambda: rans.peek(STATE, 24, 3), "n must be from 1 to the 2 lanes of the state, got 3"),
    "peek at none": (lambda: rans.peek(STATE, 24, 0), "n must be from 1 to the 2 lanes of the state, got 0"),
    "advance": (
        lambda: rans.advance(STATE, jnp.zeros(3, jnp.uint32), jnp.ones(3, jnp.uint32), 24),
        r"start and freq must be one axis of at most 2 intervals, .* \(3,\) and \(3,\)",
    ),
    "advance unalike": (lambda: rans.advance(STATE, [0], [1, 1], 24), r"\(1,\) and \(2,\)"),
    "words of two axes": (lambda: rans.from_words([[1, 2]]), r"words must be one axis of integers, got int.* \(1, 2\)"),
    "words of floats": (lambda: rans.from_words([1.5]), "words must be one axis of integers, got float64"),
    "words out of range": (
        lambda: rans.from_words([70000], variant="rans32_16"),
        "words of variant rans32_16 are 16-bit unsigned integers; some are out of range",
    ),
    "negative words": (lambda: rans.from_words([-1]), "some are out of range"),
    "capacity for words": (
        lambda: rans.from_words([1, 2, 3, 4], capacity=1),
        "capacity must be at least the 2 words of the tail, got 1",
    ),
    "lanes of words": (lambda: rans.from_words([1, 2, 3], lanes=0), "lanes must be at least 1, got 0"),
    "precision": (lambda: models.Uniform(3, precision=33), "precision must be an integer from 1 to 32 bits, got 33"),
    "precision of none": (lambda: models.Uniform(3, precision=0), "from 1 to 32 bits, got 0"),
    "precision of a float": (lambda: models.Uniform(3, precision=8.0), "from 1 to 32 bits, got 8.0"),
    "too many symbols": (
        lambda: models.Uniform(300, precision=8),
        "300 symbols do not fit a precision of 8 bits, which has room for 256. Raise precision to at least 9",
    ),
    "one symbol": (lambda: models.Uniform(1, precision=32), "a single symbol has no interval of 32 bits"),
    "size": (lambda: models.Uniform(0), "size must be from 1 to 2147483647, got 0"),
    "large size": (lambda: models.Uniform(2**31, precision=32), "size must be from 1 to 2147483647, got 2147483648"),
    "no probability": (lambda: models.Categorical(jnp.ones(0)), "probs needs a symbol or more .* shape \\(0,\\)"),
    "rule": (
        lambda: models.Categorical(jnp.ones(2), rule="exact"),
        "rule must be one of fast, perfect, got 'exact'",
    ),
    "rule of logits": (
        lambda: models.Categorical(logits=jnp.ones(2), rule="perfect"),
        "rule 'perfect' is for probs. Pass jax.nn.softmax",
    ),
    "mask shape": (
        lambda: models.Categorical(jnp.ones((3, 2)), mask=jnp.ones(3, bool)),
        r"mask must have a shape that broadcasts to that of probs, \(3, 2\), got \(3,\). Its last axis",
    ),
    "mask at 32 bits": (
        lambda: quantize.fast(jnp.ones(2), 32, jnp.ones(2, bool)),
        "a mask leaves no place at 32 bits. Use a precision of 31 or less",
    ),
    "large mask": (
        lambda: quantize.logits(jnp.ones(2), 8, jnp.ones((3, 2), bool)),
        r"broadcasts to that of logits, \(2,\), got \(3, 2\)",
    ),
    "one logit": (
        lambda: models.Categorical(logits=jnp.float32(0)),
        "logits needs a symbol or more .* shape \\(\\)",
    ),
    "cdf shape": (
        lambda: models.Table(jnp.zeros((2, 3, 4), int)),
        r"cdf must be an integer array \[tables, symbols \+ 1\], got int32 of shape \(2, 3, 4\)",
    ),
    "cdf of floats": (lambda: models.Table(jnp.ones((2, 3))), "got float32 of shape"),
    "no tables": (lambda: models.Table(jnp.zeros((0, 3), jnp.int32)), r"of shape \(0, 3\)"),
    "cdf end": (
        lambda: models.Table(np.array([[0, 8, 16], [0, 8, 15]]), precision=4),
        r"row 1 of cdf does not rise from 0 to 2\*\*4 = 16: it begins \[ ?0 +8 +15\] .* Quantise with jans.quantize",
    ),
    "cdf start": (lambda: models.Table(np.array([[1, 8, 16]]), precision=4), "row 0 of cdf does not rise"),
    "cdf falls": (lambda: models.Table(np.array([[0, 9, 8, 16]]), precision=4), "row 0 of cdf does not rise"),
    "cdf of 32 bits": (
        lambda: models.Table(np.array([[0, 8, 2**32, 2**32]]), precision=32),
        "32 bits have no place for a symbol of probability one, or one of zero after all others",
    ),
    "certain at 32 bits": (lambda: models.Table(np.zeros((1, 3), np.uint32), precision=32), "32 bits have no place"),
    "edges": (
        lambda: models.BinnedGaussian(0.0, 1.0, jnp.zeros(2)),
        r"edges must be one axis of three or more, got .*\(2,\)",
    ),
    "edges fall": (lambda: models.BinnedGaussian(0.0, 1.0, jnp.array([0.0, 2, 1, 3])), "edges must not fall"),
    "edges of NaN": (lambda: models.BinnedGaussian(0.0, 1.0, jnp.array([0.0, np.nan, 3])), "hold no NaN"),
    "grid": (lambda: models.NormalGrid(14), "bits must be from 1 to 13, got 14"),
    "grid of none": (lambda: models.NormalGrid(0), "bits must be from 1 to 13, got 0"),
    "components": (
        lambda: models.LogisticMixture(jnp.zeros(17), 0.0, 1.0),
        r"mixture parameters need 1 to 16 components along the last axis, got shape \(17,\)",
    ),
    "no components": (lambda: models.LogisticMixture(0.0, 0.0, 1.0), r"1 to 16 components .* shape \(\)"),
    "support": (
        lambda: models.LogisticMixture(jnp.zeros(1), 0.0, 1.0, low=3, high=2),
        r"the support 3 ... 2 leaves no symbol",
    ),
    "far support": (
        lambda: models.LogisticMixture(jnp.zeros(1), 0.0, 1.0, high=2**22 + 1),
        "high must be from -4194304 to 4194304, got 4194305",
    ),
    "wide support": (lambda: models.LogisticMixture(jnp.zeros(1), 0.0, 1.0, precision=7), "256 symbols do not fit"),
    "another start": (
        lambda: jans.check_end(STATE, rans.init(4)),
        r"start must be as the encoder had it, jans.rans.State of variant rans64, lanes 2, batch \(\) like state, got "
        r"jans.rans.State of variant rans64, lanes 1",
    ),
    "quantize": (lambda: quantize.fast(jnp.ones(300), 8), "300 symbols do not fit a precision of 8 bits"),
    "quantize precision": (lambda: quantize.logits(jnp.ones(3), 33), "from 1 to 32 bits, got 33"),
    "quantize nothing": (lambda: quantize.fast(jnp.ones((3, 0)), 8), r"probs needs a symbol or more .* \(3, 0\)"),
}

TYPE = {
    "state": (lambda: rans.push(jnp.zeros(3), EVEN, FIVE), "state must be a jans.rans.State, got "),
    "tail": (
        lambda: rans.push(changed(STATE, tail=jnp.zeros(4, jnp.uint8)), EVEN, FIVE),
        "a state of variant rans64 has a uint32 head and a uint32 tail, got uint32 and uint8",
    ),
    "float symbols": (
        lambda: rans.push(STATE, EVEN, jnp.ones(3)),
        "symbols must be integers, got float32. Round and convert them to int32",
    ),
    "traced float symbols": (
        lambda: jax.jit(lambda x: rans.push(STATE, EVEN, x))(jnp.ones(3)),
        "symbols must be integers, got float32. Round and convert them to int32, or code floats exactly with",
    ),
    "dtype": (lambda: rans.pop(STATE, EVEN, (3,), jnp.float32), "dtype must be uint8, .* or int32, got float32"),
    "model symbols": (
        lambda: EVEN.interval(jnp.ones(3)),
        "symbols must be integers, got float32. Round and convert them",
    ),
    "size": (lambda: models.Uniform(2.0), "size must be integers, got float64"),
    "probs": (lambda: models.Categorical(FIVE), "probs must be floating point, got int32. Convert it"),
    "mask": (
        lambda: models.Categorical(jnp.ones(2), mask=jnp.ones(2)),
        "mask must be bool, got float32. Compare to get one",
    ),
    "both": (lambda: models.Categorical(jnp.ones(2), logits=jnp.ones(2)), "takes either probs or logits"),
    "neither": (lambda: models.Categorical(), "takes either probs or logits"),
    "index": (lambda: models.Table(np.array([[0, 8, 16]]), 0.5, 4), "index must be integers, got float"),
    "scale": (
        lambda: models.LogisticMixture(jnp.zeros(1), 0.0, jnp.int32(1)),
        "scale must be floating point, got int32",
    ),
    "edges": (lambda: models.BinnedGaussian(0.0, 1.0, FIVE), "edges must be floating point, got int32"),
    "half probs": (
        lambda: quantize.fast(jnp.ones(2, jnp.bfloat16), 8),
        "probs must be float32 or float64, got bfloat16",
    ),
    "half logits": (lambda: quantize.logits(jnp.ones(2, jnp.float16), 8), "logits must be float32, got float16"),
    "operands": (
        lambda: targets.maps.quantize_probs(FIVE, FIVE, FIVE, precision=8),
        "jans_quantize_probs takes 2 operands, not 3",
    ),
    "batches": (
        lambda: targets.rans.POPS["uniform"](
            *rans_arrays(), jnp.ones((2, 1)), variant=0, precision=8, n=1, dtype=np.int32
        ),
        r"operand 4 of jans_rans_pop_uniform has shape \(2, 1\), batch \(\)",
    ),
    "end of no coder": (lambda: jans.check_end(STATE, 0), "start must be a state of a coder, got int"),
    "end inside jit": (
        lambda: jax.jit(lambda state: jans.check_end(state, STATE))(STATE),
        "jans.check_end looks at values and cannot run inside jit, vmap or scan. Call it on the result outside",
    ),
    "fingerprint inside jit": (
        lambda: jax.jit(jans.fingerprint)(FIVE),
        "jans.fingerprint looks at values and cannot run inside jit",
    ),
    "fingerprint of a function": (
        lambda: jans.fingerprint({"net": [FIVE, jax.nn.relu]}),
        "the leaves of tree must be arrays or numbers, got .* at 'net/1'. Leave it out",
    ),
    "fingerprint of a key": (
        lambda: jans.fingerprint(jax.random.key(0)),
        "got PRNGKeyArray at ''. Pass jax.random.key_data of it",
    ),
    "fingerprint of bytes": (
        lambda: jans.fingerprint({"header": b"{}"}),
        r"got bytes at 'header'. Pass np.frombuffer\(data, np.uint8\)",
    ),
    "a model instead of a codec": (
        lambda: jans.bits_back(LATENT, lambda _: models.Uniform(4), lambda _: LATENT).push(STATE, FIVE[0]),
        r"what likelihood returns must be a jans\.Codec, got jans\.models.*Uniform. A coder makes one: jans\.rans",
    ),
    "a model instead of each codec": (
        lambda: jans.serial([LATENT, models.Uniform(4)]),
        r"codecs\[1\] must be a jans\.Codec, got jans\.models.*Uniform",
    ),
    "a model of a latent": (
        lambda: jans.hierarchical([lambda: models.Uniform(4)], lambda _: LATENT, lambda _: [lambda: LATENT]).pop(STATE),
        r"what prior\[0\] returns must be a jans\.Codec, got jans\.models.*Uniform",
    ),
    "a codec instead of codecs": (lambda: jans.serial(LATENT), "codecs must be a sequence, got .*Codec"),
    "a codec instead of a function": (
        lambda: jans.vector_quantised(LATENT, LATENT, lambda x: x),
        r"likelihood must be a function that returns a jans\.Codec, got .*Codec.* `lambda \*_: codec` always",
    ),
    "fingerprint of a large number": (lambda: jans.fingerprint(2**70), "arrays or numbers, got int at ''"),
    "an abstract model": (lambda: models.Model(), "abstract"),
}


CODING = {
    "last word": (lambda: rans.from_words([1, 0]), "the last word is zero"),
    "too few words": (lambda: rans.from_words([1, 2], lanes=2), "2 heads of variant rans64 take 4 words, got only 2"),
    "foreign words": (
        lambda: rans.from_words([1, 0], variant="rans32_16"),
        "a head is out of the range of variant rans32_16: these words were written by another coder",
    ),
}


def rans_arrays():
    return STATE.head, STATE.tail, STATE.size, STATE.status


@pytest.mark.parametrize(("call", "message"), VALUE.values(), ids=VALUE)
def test_value_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), CODING.values(), ids=CODING)
def test_coding_errors(call, message):
    with pytest.raises(jans.CodingError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), TYPE.values(), ids=TYPE)
def test_type_errors(call, message):
    with pytest.raises(TypeError, match=message):
        call()


# ---- the status ----


def overflown():
    return rans.push(rans.init(1), models.Uniform(2**20), jnp.arange(9))


def underflown():
    return rans.pop(rans.init(4, lanes=2), EVEN, (9,))[0]


CAUSES = {
    status.OVERFLOW: (overflown, r"the tail is full and words were dropped. Start with a capacity of at least 4 words"),
    status.UNDERFLOW: (underflown, "a pop ran past the end of the message"),
    status.BAD_SYMBOL: (lambda: rans.push(STATE, EVEN, jnp.array([3, 10])), "a symbol outside of its model's support"),
    status.BAD_MODEL: (
        lambda: rans.push(STATE, models.Categorical(jnp.array([0.5, np.nan])), jnp.array([1])),
        "the parameters of a model are invalid",
    ),
    status.BAD_STATE: (
        lambda: rans.push(changed(STATE, head=jnp.zeros((2, 2), jnp.uint32)), EVEN, jnp.array([3])),
        "invalid coder state",
    ),
}
causes = pytest.mark.parametrize("bit", CAUSES)


@causes
def test_each_bit_has_its_sentence(bit):
    make, message = CAUSES[bit]
    state = make()
    assert int(state.status) == bit
    with pytest.raises(jans.CodingError, match="^" + message):
        jans.check(state)
    with pytest.raises(jans.CodingError, match="^" + message):
        jans.to_bytes(state)
    with pytest.raises(jans.CodingError, match="^" + message):
        rans.to_words(state)


@causes
def test_the_stream_at_fault_is_named(bit):
    make, message = CAUSES[bit]
    bad = make()
    good = rans.init(bad.capacity, bad.lanes)
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), good, bad, good, bad)
    with pytest.raises(jans.CodingError, match=r"^stream 1 of 4 \(2 at fault\): " + message):
        jans.check(batch)
    nested = jax.tree.map(lambda leaf: leaf.reshape(2, 2, *leaf.shape[1:]), batch)
    with pytest.raises(jans.CodingError, match=r"^stream \(0, 1\) of 4 \(2 at fault\): " + message):
        jans.check(nested)


@causes
def test_checkify_carries_the_sentence(bit):
    make, message = CAUSES[bit]
    error, _ = jax.jit(checkify.checkify(jans.check_inside))(make())
    with pytest.raises(checkify.JaxRuntimeError, match="jans: " + message):
        error.throw()


def test_checkify_is_silent_about_clean_states():
    error, state = jax.jit(checkify.checkify(lambda s: jans.check_inside(rans.push(s, EVEN, FIVE))))(STATE)
    error.throw()
    assert jans.check(state) is state


def test_several_bits_are_told_together():
    with pytest.raises(jans.CodingError, match=r"dropped\. .* Also, a symbol .* Also, the parameters of a model"):
        jans.check(changed(overflown(), status=jnp.int32(1 | 4 | 8)))


def test_check_inside_jit_is_an_error():
    with pytest.raises(TypeError, match=r"jans.check looks at values and cannot run inside jit"):
        jax.jit(jans.check)(STATE)
    with pytest.raises(TypeError, match=r"use jans.check_inside under jax.experimental.checkify"):
        jax.vmap(jans.check)(jax.tree.map(lambda leaf: leaf[None], STATE))


@pytest.mark.parametrize("size", [-1, 5, 2**31 - 1])
def test_made_up_sizes_are_found_without_coding(size):
    with pytest.raises(jans.CodingError, match="invalid coder state"):
        jans.check(changed(STATE, size=jnp.int32(size)))


# ---- what a status does ----


@pytest.mark.parametrize("coder", cases.STACKS, ids=str)
def test_an_overflow_tells_the_capacity_that_suffices(coder):
    model, symbols = cases.MODELS["probs"].draw(coder.precision, (70,))
    full = rans.push(coder.start(2), model, symbols)
    with pytest.raises(jans.CodingError, match=rf"capacity of at least {int(full.size)} words \(this one has 2\)"):
        jans.check(full)
    enough = rans.push(coder.start(int(full.size)), model, symbols)
    assert int(jans.check(enough).size) == int(full.size)
    assert np.asarray(full.tail).tolist() == np.asarray(enough.tail)[:2].tolist()  # what was written is not harmed
    assert cases.same(full.head, enough.head)
    with pytest.raises(jans.CodingError, match="the tail is full"):
        jans.check(rans.push(coder.start(int(full.size) - 1), model, symbols))


@causes
def test_a_status_stays(bit):
    state = CAUSES[bit][0]()
    state = rans.push(state, EVEN, FIVE)
    state, _ = rans.pop(state, EVEN, (5,))
    assert int(state.status) & bit
    assert not rans.push(rans.init(4), EVEN, FIVE).status


@pytest.mark.parametrize("coder", cases.STACKS, ids=str)
def test_what_cannot_be_coded_is_left_out(coder):
    """The other symbols of the array are coded as if it were not there."""
    model, symbols = cases.MODELS["probs"].draw(coder.precision, (40,))
    with_bad = symbols.copy()
    with_bad[7 * coder.lanes % 40 :: coder.lanes] = -1
    state = coder.random(0, 10, 100)
    pushed = rans.push(state, model, with_bad)
    assert int(pushed.status) == status.BAD_SYMBOL
    start, freq = cases.interval(model, jnp.asarray(with_bad))
    expected = cases.integers(state)
    for i in reversed(np.flatnonzero(with_bad >= 0).tolist()):
        interval = int(start[i]), int(freq[i])
        expected = spec.rans.push_one(coder.spec, expected, i % coder.lanes, *interval, coder.precision)
    assert cases.integers(pushed) == expected


def test_an_advance_off_the_quantile_is_left_out():
    state = rans.push(STATE, EVEN, jnp.array([3, 4]))
    start, freq = EVEN.interval(jnp.array([3, 5]))
    after = rans.advance(state, start, freq, EVEN.precision)
    assert int(after.status) == status.BAD_MODEL
    assert cases.same(after.head[1], state.head[1])
