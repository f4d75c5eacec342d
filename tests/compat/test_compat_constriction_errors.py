"""Wrong calls of constriction's interface: the errors of the package where it has some, and errors where it panics,
hangs or goes on with garbage."""

import contextlib
import copy
import io
import math
import pickle
import subprocess
import sys

import cases
import jax
import numpy as np
import pytest

import jans.compat.constriction as ours

theirs = pytest.importorskip("constriction", reason="the package constriction is not installed")
stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")


def words(*values):
    return np.array(values, np.uint32)


def ints(*values):
    return np.array(values, np.int32)


def floats(*values):
    return np.array(values, np.float32)


def namespace(library):
    """Short names for the expressions below."""
    model = library.stream.model
    names = {name: getattr(model, name) for name in vars(model) if not name.startswith("_")}
    coders = {
        "Ans": library.stream.stack.AnsCoder,
        "Chain": library.stream.chain.ChainCoder,
        "Encoder": library.stream.queue.RangeEncoder,
        "Decoder": library.stream.queue.RangeDecoder,
    }
    values = {
        "gaussian": model.QuantizedGaussian(-100, 100, 3.0, 5.0),
        "gaussians": model.QuantizedGaussian(-100, 100),
        "table": model.Categorical(floats(0.2, 0.3, 0.5), perfect=False),
        "rows": model.Categorical(perfect=False),
        "chain": coders["Chain"](words(1, 2, 3, 4), seal=True),
        "data": words(1, 2, 3, 4, 5),
    }
    tools = {"np": np, "math": math, "stats": stats, "words": words, "ints": ints, "floats": floats}
    return names | coders | values | tools


def raised(expression, library):
    """The type of what an expression raises, or None."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            eval(expression, namespace(library))
        except BaseException as error:
            return type(error)
    return None


# Where constriction raises an ordinary exception, ours has the same type.
SAME = """
Model()
Ans([1, 2, 3])
Ans(5)
Ans(floats(1, 2))
Ans(np.ones((2, 2), np.uint32))
Ans(words(1, 2, 0))
Ans(None, True)
Ans(data, seal=1)
Ans(data, unknown=1)
Ans(data).get_compressed(unseal=True)
Ans().get_compressed(unseal=True)
Ans(data).seek(4, 2**40)
Ans(data).seek(-1, 5)
Ans(data).seek(1, 2**64)
Ans(data).seek(1.0, 1)
Ans(data).seek((1, 1))
Ans().encode_reverse(ints(1, 2))
Ans().encode_reverse(3.0, gaussian)
Ans().encode_reverse("a", gaussian)
Ans().encode_reverse(None, gaussian)
Ans().encode_reverse([1, 2], gaussian)
Ans().encode_reverse(floats(1, 2), gaussian)
Ans().encode_reverse(np.ones((1, 2), np.int32), gaussian)
Ans().encode_reverse(2**31, gaussian)
Ans().encode_reverse(101, gaussian)
Ans().encode_reverse(ints(1, 101), gaussian)
Ans().encode_reverse(3, table)
Ans().encode_reverse(-1, table)
Ans().encode_reverse(2, Bernoulli(0.3, perfect=False))
Ans().encode_reverse(ints(1, 2), 5)
Ans().encode_reverse(1, gaussians)
Ans().encode_reverse(1, gaussians, 3.0, 4.0)
Ans().encode_reverse(5, gaussian, 5)
Ans().encode_reverse(ints(1), gaussians, 3.0, 4.0)
Ans().encode_reverse(ints(1, 2), gaussians)
Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2))
Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2), floats(1, 2), floats(1, 2))
Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2, 3), floats(1, 2))
Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2), floats(1, 2, 3))
Ans().encode_reverse(ints(1, 2), gaussians, [1.0, 2.0], [1.0, 2.0])
Ans().encode_reverse(ints(1, 2), gaussian, floats(1, 2))
Ans().encode_reverse(ints(1, 2), QuantizedGaussian(-9, 9, 1.0), floats(1, 2), floats(1, 2))
Ans().encode_reverse(ints(0, 1), rows, floats(0.2, 0.3))
Ans().encode_reverse(ints(0, 1), rows, np.ones((3, 2)))
Ans().encode_reverse(ints(0, 1), rows, np.ones((2, 1)))
Ans().encode_reverse(ints(0, 1), rows, np.array([[1, 1], [0, 0.0]]))
Ans().encode_reverse(ints(0, 1), rows, np.array([[1, 1], [np.nan, 0]]))
Ans().encode_reverse(ints(0, 1), Categorical(perfect=True), np.array([[1, 1], [-0.1, 0.5]]))
Ans().encode_reverse(ints(1, 2), Uniform(), ints(3, 2))
Ans().encode_reverse(ints(1, 2), Uniform(), floats(3, 2))
Ans().encode_reverse(ints(1, 2), Binomial(), floats(3, 2), floats(0.1, 0.2))
Ans().encode_reverse(6, Binomial(5, 0.3))
Ans().encode_reverse(11, CustomModel(lambda x: 0.5 + x / 40, lambda q: 0.0, -10, 10))
Ans(data).decode()
Ans(data).decode(5)
Ans(data).decode(gaussian, -1)
Ans(data).decode(gaussian, 3.0)
Ans(data).decode(gaussian, "3")
Ans(data).decode(gaussian, None)
Ans(data).decode(gaussian, 3, 4)
Ans(data).decode(gaussian, ints(3))
Ans(data).decode(gaussians)
Ans(data).decode(gaussians, 3)
Ans(data).decode(gaussians, 3.0, 4.0)
Ans(data).decode(gaussians, floats(1, 2))
Ans(data).decode(gaussians, floats(1, 2), floats(1, 2, 3))
Ans(data).decode(rows, floats(0.2, 0.3))
Ans(data).decode(rows, np.ones((2, 2)), 2)
Chain()
Chain([1, 2, 3])
Chain(words())
Chain(words(200))
Chain(words(1, 2, 3, 0))
Chain(words(), seal=True)
Chain(data, True, True)
Chain(words(1, 2, 3, 0), True)
Chain(words(1, 2, 0, 3), True)
Chain(words(1, 2), True)
Chain(words(), True)
Chain(data).get_data(unseal=True)
Chain(data, True).get_data()
chain.encode_reverse(ints(1, 2, 3), gaussian)
chain.encode_reverse(200, gaussian)
chain.encode_reverse(3.0, gaussian)
chain.decode(gaussians, 3)
Encoder(5)
Encoder().encode(ints(1, 200), gaussian)
Encoder().encode(200, gaussian)
Encoder().encode(1.5, gaussian)
Encoder().encode(1, gaussians)
Encoder().encode(ints(1, 2), gaussians)
Encoder().encode(ints(1, 2), gaussians, floats(1, 2, 3), floats(1, 2, 3))
Encoder().get_compressed(unseal=True)
Decoder()
Decoder(None)
Decoder([1, 2])
Decoder(np.ones((2, 2), np.uint32))
Decoder(words(2**32 - 1, 2**32 - 1, 2**32 - 1)).decode(gaussian, 3)
Decoder(data).decode(gaussians, 3)
Decoder(data).decode(gaussians, floats(1, 2), floats(1, 2, 3))
Decoder(data).seek(6, (5, 2**40))
Decoder(data).seek(-1, (5, 2**40))
Decoder(data).seek(1, (5, 2**30))
Decoder(data).seek(1, (5, 0))
Decoder(data).seek(1, (5, 2**64))
Decoder(data).seek(1, 5)
Decoder(data).seek(1, 5, 2**40)
Categorical(floats(1.0), perfect=False)
Categorical(floats(), perfect=False)
Categorical([0.5, 0.5], perfect=False)
Categorical(np.ones((2, 2)), perfect=False)
Categorical(floats(-0.5, 0.5, 1), perfect=True)
Categorical(floats(-0.5, 0.5, -1), perfect=False)
Categorical(floats(0, 0), perfect=False)
Categorical(floats(0, 0), perfect=True)
Categorical(floats(np.nan, 1), perfect=False)
Categorical(floats(np.inf, 1), lazy=True)
Categorical(floats(3e38, 3e38), perfect=False)
Categorical(floats(0.5, 0.5), lazy=True, perfect=True)
Categorical(lazy=True, perfect=True)
Categorical(floats(0.5, 0.5), perfect=1)
Uniform(2.0)
Uniform(2**31)
Bernoulli(1.1)
Bernoulli(math.nan, perfect=False)
Bernoulli("a", perfect=False)
QuantizedGaussian()
QuantizedGaussian(0)
QuantizedGaussian(0.0, 5, 1.0, 1.0)
QuantizedGaussian(2**31, 2**31 + 5)
QuantizedGaussian(0, 5, "a")
QuantizedGaussian(0, 5, floats(1, 2), floats(1, 2))
CustomModel(lambda x: x)
CustomModel(lambda x: x, lambda x: x, 0.0, 5)
ScipyModel(5, 0, 30)
"""


@pytest.mark.parametrize("expression", SAME.strip().split("\n"))
def test_the_same_error(expression):
    expected = raised(expression, theirs)
    assert expected is not None
    assert issubclass(expected, Exception)
    assert raised(expression, ours) is expected


# Where constriction panics, which is no Exception, or says nothing at all.
BETTER = {
    "Chain(words(1), seal=True).decode(gaussian)": AssertionError,
    "chain.decode(gaussian, 5)": AssertionError,
    "chain.decode(gaussians, floats(1, 2), floats(0, 2))": ValueError,
    "Ans(data).decode(gaussian, 2**63)": ValueError,
    "Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2), floats(0, 1))": ValueError,
    "Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2), floats(np.nan, 1))": ValueError,
    "Ans().encode_reverse(ints(1, 2), gaussians, floats(1, 2), floats(np.inf, 1))": ValueError,
    "Ans().encode_reverse(ints(1, 2), gaussians, floats(1, np.nan), floats(1, 1))": ValueError,
    "Ans(data).decode(gaussians, floats(1, np.nan), floats(1, 1))": ValueError,
    "Encoder().encode(ints(1, 2), gaussians, floats(1, 2), floats(0, 1))": ValueError,
    "Decoder(data).decode(gaussians, floats(1, 2), floats(0, 2))": ValueError,
    "Ans().encode_reverse(ints(0, 1), rows, np.ones((2, 0)))": ValueError,
    "Ans().encode_reverse(ints(0, 1), rows, np.array([[0.2, 0.3], [-0.1, 0.5]]))": ValueError,
    "Ans().encode_reverse(ints(0, 1), Bernoulli(perfect=False), floats(0.3, 1.4))": ValueError,
    "Ans().encode_reverse(ints(1, 0), Uniform(), ints(3, 1))": ValueError,
    "Ans().encode_reverse(ints(1, 0), Uniform(), ints(3, -1))": ValueError,
    "Ans().encode_reverse(ints(1, 0), Binomial(), ints(5, 0), floats(0.1, 0.2))": ValueError,
    "Ans().encode_reverse(ints(1, 0), Binomial(5), floats(0.1, 1.2))": ValueError,
    "Categorical(floats(-0.5, 0.5, 1), perfect=False)": ValueError,
    "Bernoulli(1.1, perfect=False)": ValueError,
    "Uniform(1)": ValueError,
    "Uniform(-1)": ValueError,
    "Uniform(2**24 + 1)": ValueError,
    "Binomial(0, 0.3)": ValueError,
    "Binomial(5, 1.3)": ValueError,
    "Binomial(2**24, 0.3)": ValueError,
    "QuantizedGaussian(5, 5)": ValueError,
    "QuantizedGaussian(0, 2**24)": ValueError,
    "QuantizedGaussian(0, 5, 1.0, 0.0)": ValueError,
    "QuantizedGaussian(0, 5, 1.0, math.nan)": ValueError,
    "QuantizedGaussian(0, 5, math.nan, 1.0)": ValueError,
    "QuantizedLaplace(0, 5, 1.0, -1.0)": ValueError,
    "QuantizedCauchy(0, 5, 1.0, 0.0)": ValueError,
    "CustomModel(lambda x: x, lambda x: x, 5, 5)": ValueError,
    "CustomModel(lambda x: x, lambda x: x, 0, 2**24)": ValueError,
    "Ans().encode_reverse(1, CustomModel(lambda x: 1 / 0, lambda q: q, 0, 9))": ZeroDivisionError,
    "Ans().encode_reverse(1, CustomModel(lambda x: 'a', lambda q: q, 0, 9))": TypeError,
    "Ans().encode_reverse(1, CustomModel(lambda x: 1 - x / 10, lambda q: q, 0, 9))": ValueError,
    "Ans().encode_reverse(1, CustomModel(lambda x: -1.0, lambda q: q, 0, 9))": ValueError,
    "Ans().encode_reverse(1, CustomModel(lambda x: 3.0, lambda q: q, 0, 9))": ValueError,
    "Ans(data).decode(CustomModel(lambda x: 1 - x / 10, lambda q: 5, 0, 9), 9)": ValueError,
    "Ans(data).decode(CustomModel(lambda x: 1 - x / 10, lambda q: 5, 0, 9))": ValueError,
    "Ans(data).decode(CustomModel(lambda x: x / 10, lambda q: 1 / 0, 0, 9))": ZeroDivisionError,
    "Ans(data).decode(ScipyModel(stats.norm(), 0, 9), floats(1, 2), floats(1, 2), floats(1, 2))": TypeError,
}


@pytest.mark.parametrize("expression", BETTER)
def test_an_error_where_there_was_none(expression):
    expected = raised(expression, theirs)
    assert expected is None or not issubclass(expected, Exception)
    assert raised(expression, ours) is BETTER[expression]


def test_nan_probabilities_of_a_binomial_do_not_hang():
    assert raised("Binomial(5, math.nan)", ours) is ValueError
    assert raised("Ans().encode_reverse(ints(1), Binomial(5), floats(np.nan))", ours) is ValueError


@pytest.mark.parametrize("wrong", [0, 4, 20])
def test_a_call_that_fails_changes_nothing(wrong):
    symbols = np.zeros(21, np.int32)
    symbols[wrong] = 1000
    data = np.arange(1, 99, dtype=np.uint32)
    for coder in (ours.stream.stack.AnsCoder(data), ours.stream.chain.ChainCoder(data)):
        before = pickle.dumps(coder)
        for model in (
            ours.stream.model.Uniform(10),
            ours.stream.model.CustomModel(lambda x: 0.5 + x / 40, lambda q: q, -10, 10),
        ):
            with pytest.raises((KeyError, AssertionError)):
                coder.encode_reverse(symbols, model)
            assert pickle.dumps(coder) == before
        scales = np.ones(21)
        scales[wrong] = 0
        with pytest.raises(ValueError, match="must be positive"):
            coder.decode(ours.stream.model.QuantizedGaussian(-9, 9, 0.0), scales)
        assert pickle.dumps(coder) == before


def test_functions_are_asked_outside_of_other_precisions():
    """What a cdf computes with JAX does not depend on who asks."""
    import jax.numpy as jnp

    dtypes = set()

    def cdf(x):
        value = jnp.asarray(x / 200 + 0.5)
        dtypes.add(value.dtype.name)
        return value

    coder = ours.stream.stack.AnsCoder(np.arange(1, 9, dtype=np.uint32))
    model = ours.stream.model.CustomModel(cdf, lambda q: 200 * q - 100, -90, 90)
    coder.encode_reverse(3, model)
    coder.decode(model, 2)
    assert dtypes == {"float32"}


def test_a_cdf_that_fails_where_nothing_is_coded():
    model = ours.stream.model.CustomModel(lambda x: math.sqrt(x) / 4, lambda q: 16 * q * q, -3, 15)
    coder = ours.stream.stack.AnsCoder()
    symbols = np.array([5, 7, 9] * 10, np.int32)
    coder.encode_reverse(symbols, model)
    assert coder.decode(model, 30).tolist() == symbols.tolist()
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        coder.encode_reverse(-2, model)


def test_a_cdf_that_is_not_a_number_is_zero():
    """As in constriction; but where it then falls, constriction codes other symbols."""
    symbols = np.array([0, 1, 2, 3, 4, 22, 23, 30, 3, 0, 1], np.int32)
    words = []
    for library in (ours, theirs):
        make = library.stream.model.CustomModel
        model = make(lambda x: math.nan if x < 3 else min((x - 3) / 20, 1.0), lambda q: 3 + 20 * q, 0, 30)
        coder = library.stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model)
        words.append(coder.get_compressed().tolist())
        assert coder.decode(model, symbols.size).tolist() == symbols.tolist()
    assert words[0] == words[1]
    falls = ours.stream.model.CustomModel(lambda x: x / 30 if x < 20 else math.nan, lambda q: 30 * q, 0, 30)
    with pytest.raises(ValueError, match=r"the cdf must not decrease, and does so between 19\.5 and 20\.5"):
        ours.stream.stack.AnsCoder().encode_reverse(20, falls)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda coder: coder.clone()])
def test_copies_go_their_own_way(copied):
    words = np.arange(1, 40, dtype=np.uint32)
    model = ours.stream.model.Uniform(100)
    for make, use, content in (
        (lambda: ours.stream.stack.AnsCoder(words), lambda c: c.decode(model, 30), lambda c: c.get_compressed()),
        (lambda: ours.stream.chain.ChainCoder(words), lambda c: c.decode(model, 20), lambda c: c.get_remainders()[1]),
        (
            ours.stream.queue.RangeEncoder,
            lambda c: c.encode(np.arange(30, dtype=np.int32), model),
            lambda c: c.get_compressed(),
        ),
        (
            lambda: ours.stream.queue.RangeDecoder(words),
            lambda c: c.decode(model, 20),
            lambda c: c.clone().decode(model, 9),
        ),
    ):
        coder = make()
        before = content(coder).tolist()
        use(copied(coder))
        assert content(coder).tolist() == before


def test_a_function_that_falls_where_nothing_is_coded():
    """It is searched, however often it is asked."""
    cdf = lambda x: stats.norm.cdf(x, 0, 10) if x < 40 else 0.2
    model = ours.stream.model.CustomModel(cdf, lambda q: stats.norm.ppf(q, 0, 10), -50, 50)
    coder = ours.stream.stack.AnsCoder()
    for _ in range(60):
        coder.encode_reverse(0, model)
    assert coder.decode(model, 60).tolist() == [0] * 60


def test_coders_work_while_jax_traces():
    """On data that are at hand, as constriction's do."""
    gaussian = ours.stream.model.QuantizedGaussian(-20, 20, 0.3, 4.5)
    categorical = ours.stream.model.Categorical(np.array([0.2, 0.8]), perfect=True)
    sizes = []

    @jax.jit
    def program(x):
        coder = ours.stream.stack.AnsCoder()
        coder.encode_reverse(np.arange(-9, 9, dtype=np.int32), gaussian)
        coder.encode_reverse(np.array([0, 1], np.int32), categorical)
        sizes.append(coder.num_bits())
        return x + coder.decode(categorical, 2)[1]

    assert int(program(1)) == 2
    assert sizes[0] > 0


def test_models_and_coders_are_pickled():
    model, rows = ours.stream.model, np.array([0.1, 0.2, 0.7])
    concrete = [
        model.Categorical(rows, perfect=False),
        model.Bernoulli(0.3),
        model.QuantizedGaussian(-5, 5, 0.1, 2.3),
        model.ScipyModel(stats.norm(0.1, 2.3), -5, 5),
    ]
    for fresh in (False, True):
        for one in concrete:
            coder = ours.stream.stack.AnsCoder(np.arange(1, 9, dtype=np.uint32))
            if not fresh:
                coder.clone().decode(one, 9)  # whatever it keeps from that
            expected = coder.clone().decode(one, 9).tolist()
            for copied in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):
                assert pickle.loads(pickle.dumps(coder)).decode(copied, 9).tolist() == expected
                assert copy.deepcopy(coder).decode(copied, 9).tolist() == expected


@pytest.mark.skipif(not cases.KERNELS, reason="without kernels, calls go through JAX")
def test_no_backend_of_jax_is_started():
    code = """
import numpy as np
from jax._src import xla_bridge
from jans.compat.constriction import stream, symbol
model = stream.model
for family in (
    model.QuantizedGaussian(-7, 9, 0.25, 2.5), model.Categorical(np.ones(3)), model.Binomial(9, 0.3),
    model.CustomModel(lambda x: 0.5 + x / 40, lambda q: q, -10, 10),
):
    for n in (1, 7, 300):
        coder = stream.stack.AnsCoder()
        coder.encode_reverse(np.ones(n, np.int32), family)
        assert (coder.decode(family, n) == 1).all()
encoder = stream.queue.RangeEncoder()
encoder.encode(np.zeros(9, np.int32), model.Categorical(perfect=False), np.ones((9, 4)))
encoder.get_decoder().decode(model.Categorical(perfect=False), np.ones((9, 4)))
stream.chain.ChainCoder(np.arange(1, 90, dtype=np.uint32)).decode(model.Uniform(9), 5)
symbol.huffman.EncoderHuffmanTree(np.ones(4))
print(xla_bridge.backends_are_initialized())
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
