"""Every public function with wrong values, one argument after the other.

The error is one of jans that names what is wrong, never one that JAX, NumPy or Python raised on the way.
"""

import inspect
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doors import CODEC, UNIFORM, Call, check_wrong_values

import jans
from jans import TableCoder, byte_strings, chain, chunked, exact, huffman, models, quantize, range_coder, rans, tans

X, WORDS, PROBS = jnp.arange(9), np.arange(1, 40, dtype=np.uint32), jnp.array([0.2, 0.5, 0.3])
CDF, TABLES = np.array([[0, 20, 40, 64]]), tans.tables([[0, 20, 40, 64]], 6)
TABLE = models.Table(CDF, precision=6)
MASK = jnp.ones(3, bool)
STATE, CHAIN = rans.push(rans.init(50), UNIFORM, X), chain.init(WORDS, 50)
ENCODER = range_coder.encode(range_coder.encoder(50), UNIFORM, X)
DECODER = range_coder.finish(ENCODER)
TANS = tans.push(tans.init(50, 1, 6), TABLES, X % 3)
BOOK = huffman.codebook(PROBS)
STACK, QUEUE = (
    write(new(50), BOOK, X % 3) for write, new in ((huffman.push, huffman.stack), (huffman.encode, huffman.queue))
)
BATCH = jax.vmap(lambda x: rans.push(rans.init(9, 1, "rans64_ryg"), UNIFORM, x))(X.reshape(3, 3))
MESSAGE = chunked.encode(UNIFORM, np.arange(9), chunk=4)
DATA, I32 = jans.to_bytes(STATE), jnp.int32
LAID_OUT = {"capacity": 50, "lanes": 1, "variant": "rans64"}
CHAINED = {"words": WORDS, "capacity": 50, "variant": "chain64", "precision": 24}
POPPED = {"shape": (3,), "dtype": I32}
LOCATED = {"loc": 0.0, "scale": 1.0, "low": -9, "high": 9, "precision": 24}
MIXED = {"logits": jnp.zeros(2), "loc": jnp.zeros(2), "scale": jnp.ones(2), "low": -9, "high": 9, "precision": 24}
GRID, Q = exact.Grid(4, 2.0), jnp.ones((3, 3))
AFTER = {"bias": PROBS, "into": GRID}
READ = {"capacity": 50, "spare": 0, "fingerprint": 0, "symbols": None}

CALLS = [
    Call(rans.advance, {"state": STATE, "start": jnp.array([0]), "freq": jnp.array([1]), "precision": 12}),
    Call(rans.capacity_for, {"model": UNIFORM, "n": 9, "lanes": 1, "variant": "rans64"}),
    Call(rans.codec, {"model": UNIFORM, **POPPED}),
    Call(rans.compact, {"state": BATCH}),
    Call(rans.content_bits, {"state": STATE}),
    Call(rans.is_empty, {"state": STATE}),
    Call(rans.from_words, {"words": WORDS, **LAID_OUT}),
    Call(rans.init, LAID_OUT),
    Call(rans.peek, {"state": STATE, "precision": 12, "n": 1}),
    Call(rans.pop, {"state": STATE, "model": UNIFORM, **POPPED}),
    Call(rans.push, {"state": STATE, "model": UNIFORM, "symbols": X}),
    Call(rans.random, {"key": jax.random.key(0), "n_words": 4, **LAID_OUT}),
    Call(rans.to_words, {"state": STATE}),
    Call(chain.capacity_for, {"model": UNIFORM, "n": 9, "variant": "chain64"}),
    Call(chain.codec, {"model": UNIFORM, **POPPED}),
    Call(chain.init, {**CHAINED, "lanes": 1}),
    Call(chain.init_compressed, CHAINED),
    Call(chain.init_remainders, {**CHAINED, "lanes": 1}),
    Call(chain.pop, {"state": CHAIN, "model": UNIFORM, **POPPED}),
    Call(chain.push, {"state": CHAIN, "model": UNIFORM, "symbols": X}),
    Call(chain.to_compressed, {"state": CHAIN}),
    Call(chain.to_data, {"state": CHAIN}),
    Call(chain.to_remainders, {"state": CHAIN}),
    Call(range_coder.capacity_for, {"model": UNIFORM, "n": 9}),
    Call(range_coder.decode, {"decoder": DECODER, "model": UNIFORM, **POPPED}),
    Call(range_coder.decoder, {"words": WORDS, "size": 9}),
    Call(range_coder.encode, {"encoder": ENCODER, "model": UNIFORM, "symbols": X}),
    Call(range_coder.encoder, {"capacity": 9}),
    Call(range_coder.feed, {"decoder": DECODER, "words": WORDS[:2], "size": 1}),
    Call(range_coder.finish, {"encoder": ENCODER}),
    Call(range_coder.position, {"state": ENCODER}),
    Call(range_coder.seek, {"decoder": DECODER, "position": range_coder.position(DECODER)}),
    Call(range_coder.symbols_ready, {"decoder": DECODER, "model": UNIFORM}),
    Call(range_coder.take_words, {"encoder": ENCODER}),
    Call(range_coder.to_words, {"state": ENCODER}),
    Call(tans.capacity_for, {"tables": TABLES, "n": 9}),
    Call(tans.codec, {"tables": TABLES, **POPPED}),
    Call(
        tans.from_string,
        {"data": tans.to_string(TANS), "precision": 6, "lanes": 1, "word_bits": 16, "capacity": 50},
    ),
    Call(tans.init, {"capacity": 5, "lanes": 1, "precision": 6}),
    Call(tans.pop, {"state": TANS, "tables": TABLES, **POPPED}),
    Call(tans.push, {"state": TANS, "tables": TABLES, "symbols": X % 3}),
    Call(
        tans.tables,
        {"cdf": CDF, "precision": 6, "sizes": np.array([2]), "offset": np.array([0]), "bypass_precision": 4},
    ),
    Call(tans.to_string, {"state": TANS, "word_bits": 16}),
    Call(huffman.ExpGolomb, {"k": 1}),
    Call(huffman.capacity_for, {"codebook": BOOK, "n": 9}),
    Call(huffman.codebook, {"probs": PROBS}),
    Call(huffman.codebook_from_lengths, {"lengths": [1, 2, 2]}),
    Call(huffman.codec, {"codebook": BOOK, **POPPED}),
    Call(huffman.decode, {"reader": huffman.reader(QUEUE), "codebook": BOOK, **POPPED}),
    Call(huffman.encode, {"queue": QUEUE, "codebook": BOOK, "symbols": X % 3}),
    Call(huffman.from_words, {"words": WORDS, "capacity": 50}),
    Call(huffman.limited_lengths, {"probs": PROBS, "max_length": 4}),
    Call(huffman.pop, {"stack": STACK, "codebook": BOOK, **POPPED}),
    Call(huffman.push, {"stack": STACK, "codebook": BOOK, "symbols": X % 3}),
    Call(huffman.queue, {"capacity": 3}),
    Call(huffman.reader, {"source": QUEUE}),
    Call(huffman.stack, {"capacity": 3}),
    Call(huffman.to_words, {"bits": QUEUE}),
    Call(models.Bernoulli, {"prob": 0.3, "precision": 24}),
    Call(models.BetaBinomial, {"trials": 9, "alpha": 1.0, "beta": 2.0, "precision": 24}),
    Call(models.BinnedGaussian, {"loc": 0.0, "scale": 1.0, "edges": jnp.arange(-3.0, 4.0), "precision": 24}),
    Call(models.Binomial, {"trials": 9, "prob": 0.2, "precision": 24}),
    Call(models.Bypass, {"table": TABLE, "sizes": 2, "offset": 0, "bypass_precision": 4}),
    Call(models.Categorical, {"probs": PROBS, "rule": "fast", "mask": MASK, "precision": 12}),
    Call(models.Categorical, {"logits": PROBS, "precision": 12}),
    Call(models.Custom, {"cdf": jax.nn.sigmoid, "low": -3, "high": 3, "ranks": 0, "precision": 12}),
    Call(models.Cauchy, LOCATED),
    Call(models.FixedPointGaussian, LOCATED),
    Call(models.FixedPointLogistic, LOCATED),
    Call(models.Float, {"distribution": models.Gaussian(0.0, 1.0), "dtype": "bfloat16", "bits": 16}),
    Call(models.Gaussian, LOCATED),
    Call(models.Laplace, LOCATED),
    Call(models.StudentT, {"df": 3.0, **LOCATED}),
    Call(models.Logistic, LOCATED),
    Call(models.GaussianMixture, MIXED),
    Call(models.LogisticMixture, MIXED),
    Call(models.Geometric, {"prob": 0.3, "high": 9, "precision": 24}),
    Call(models.Histogram, {"edges": (0, 2, 5), "masses": jnp.ones(2), "precision": 24}),
    Call(models.NormalGrid, {"bits": 4}),
    Call(models.Poisson, {"rate": 2.0, "high": 9, "precision": 24}),
    Call(models.Table, {"cdf": CDF, "index": 0, "precision": 6}),
    Call(models.Uniform, {"size": 9, "precision": 24}),
    Call(models.escape, {"model": TABLE, "ends": "high"}),
    Call(models.float_keys, {"values": jnp.ones(3, jnp.bfloat16), "bits": 12}),
    Call(models.snap, {"values": PROBS, "bits": 8}),
    Call(models.snap_margin, {"values": PROBS, "bits": 8}),
    Call(exact.Grid, {"bits": 4, "high": 2.0}),
    Call(exact.Input, {"shape": (3,), "grid": GRID, "low": 0, "high": 5}),
    Call(
        exact.attention,
        {"query": Q, "key": Q, "value": Q, "source": GRID, "into": GRID, "mask": jnp.ones((3, 3), bool)},
    ),
    Call(
        exact.conv,
        {"x": Q[None], "kernel": Q[None], **AFTER, "strides": 1, "padding": "SAME", "dilation": 1, "groups": 1},
    ),
    Call(exact.conv_transpose, {"x": Q[None], "kernel": Q[None], **AFTER, "strides": 1, "padding": "SAME"}),
    Call(exact.dense, {"x": Q, "kernel": Q, **AFTER}),
    *(
        Call(function, {"x": Q, "source": GRID, "target": GRID})
        for function in (exact.exp, exact.gelu, exact.sigmoid, exact.silu, exact.tanh)
    ),
    Call(exact.freeze, {"kernel": Q, "inputs": GRID, "bias": PROBS, "digits": 24}),
    Call(exact.rms_norm, {"x": Q, "source": GRID, "into": GRID}),
    Call(exact.softmax, {"scores": Q, "source": GRID, "mask": MASK}),
    Call(quantize.fast, {"probs": PROBS, "precision": 12, "mask": MASK}),
    Call(quantize.logits, {"logits": PROBS, "precision": 12, "mask": MASK}),
    Call(quantize.perfect, {"probs": PROBS, "precision": 12, "mask": MASK}),
    Call(quantize.nearest, {"probs": PROBS, "precision": 12, "sizes": 3, "ties": "even"}),
    Call(chunked.Reader, {"source": jans.to_bytes(MESSAGE), "fingerprint": 0}),
    Call(chunked.decode, {"message": MESSAGE, "model": UNIFORM, "dtype": I32}),
    Call(chunked.encode, {"model": UNIFORM, "symbols": np.arange(9), "chunk": 4, **LAID_OUT}),
    Call(
        byte_strings.from_strings,
        {"strings": byte_strings.to_strings(BATCH), "capacity": 9, "lanes": 1, "variant": "rans64_ryg"},
    ),
    Call(byte_strings.merge, {"strings": [b"a"], "length_bytes": 4, "count": 1}),
    Call(byte_strings.split, {"merged": b"\1\0\0\0a", "length_bytes": 4, "count": None}),
    Call(byte_strings.to_strings, {"state": BATCH}),
    Call(TableCoder, {"model": TABLE, "variant": "rans64_ryg", "lanes": 1}),
    Call(jans.account, {"codec": CODEC, "state": STATE, "data": X[:3]}),
    Call(jans.account_each, {"codec": CODEC, "state": STATE, "data": X.reshape(3, 3)}),
    Call(jans.check, {"state": STATE}),
    Call(jans.check_codec, {"codec": CODEC, "state": STATE, "data": X[:3]}),
    Call(jans.check_end, {"state": STATE, "start": STATE}),
    Call(jans.fingerprint, {"tree": {"a": PROBS}}),
    Call(jans.fork, {"state": rans.random(jax.random.key(0), 99, 99), "n": 2, "n_bytes": 16}),
    Call(jans.rejoin, {"states": BATCH, "n_bytes": 1}),
    Call(jans.from_bytes, {"data": DATA, **READ}),
    Call(jans.multiset, {"element": CODEC, "n": 3, "precision": 24}),
    Call(jans.open, {"data": jans.pack(PROBS), "base": None, "limit": 99}),
    Call(jans.pack, {"tree": {"a": PROBS}, "level": "fast", "base": {"a": PROBS}}),
    Call(jans.pack_array, {"array": PROBS, "share": 0.9}),
    Call(jans.unpack, {"data": jans.pack({"a": PROBS}), "base": None, "like": {"a": PROBS}, "types": (), "limit": 99}),
    Call(jans.read_message, {"file": io.BytesIO(DATA), **READ}),
    Call(jans.to_bytes, {"state": STATE, "fingerprint": 0, "symbols": None}),
    Call(jans.write_message, {"file": io.BytesIO(), "state": STATE, "fingerprint": 0, "symbols": None}),
]
WITHOUT = {
    # What they take are functions, codecs and pytrees that they call and pass on later, inside a user's program.
    *("ancestral", "autoregressive", "bit_swap", "bits_back", "coupled_multi_sample", "hierarchical", "isolated"),
    *("multi_sample", "named", "repeat", "serial", "substack", "vector_quantised", "check_inside", "Codec"),
    # No arguments, or results of other functions, or bases of classes.
    *(
        "devices",
        "export_checks",
        "Account",
        "Archive",
        "PackedArray",
        "CodingError",
        "State",
        "Words",
        "Encoder",
        "Decoder",
        "Position",
    ),
    *("Tables", "Codebook", "Queue", "Reader", "Stack", "Message", "Composite", "Kernel", "Model"),
    # Distributions of other libraries: tests/models.
    "from_distribution",
    # They take programs: tests/exact.
    *("prove", "in_integers", "tabulated", "Proof", "Sum", "InexactError"),
}


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_wrong_values(call):
    check_wrong_values(call)


def test_every_public_function_is_here():
    tried = {call.function for call in CALLS}
    for module in (jans, rans, chain, range_coder, tans, huffman, models, quantize, chunked, byte_strings, exact):
        for name in module.__all__:
            function = getattr(module, name)
            if callable(function) and not inspect.ismodule(function) and name not in WITHOUT:
                assert function in tried, name
