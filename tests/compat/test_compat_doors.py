"""The functions and methods of other packages' interfaces with wrong values, one argument after the other."""

import inspect
import types

import numpy as np
import pytest
from doors import Call, check_wrong_values

from jans.compat import compressai, constriction, torch_ans
from jans.compat.constriction.stream import chain, model, queue, stack
from jans.compat.constriction.symbol import huffman
from jans.status import CodingError

SYMBOLS, INDEXES = np.array([0, 2, 1], np.int32), np.array([0, 1, 0], np.int32)
CDFS = np.array([[0, 30000, 60000, 65536], [0, 10, 20, 65536]], np.int32)
SIZES, OFFSETS = np.array([4, 4], np.int32), np.zeros(2, np.int32)
TABLE = {"cdfs": CDFS, "cdfs_sizes": SIZES, "offsets": OFFSETS}
WORDS, PROBS = np.arange(1, 40, dtype=np.uint32), np.array([0.2, 0.5, 0.3])
CODED = compressai.RansEncoder().encode_with_indexes(SYMBOLS, INDEXES, CDFS, SIZES, OFFSETS)
GAUSSIAN, BOUNDS = model.QuantizedGaussian(-9, 9), {"min_symbol_inclusive": -9, "max_symbol_inclusive": 9}
FREQS, NUMBERS = np.array([[8, 4, 4], [1, 1, 14]]), np.array([3, 3])
BATCH, ROWS = np.stack([SYMBOLS, SYMBOLS]), np.stack([INDEXES, INDEXES])
TENSORS = {"dist_freqs": FREQS[:1], "dist_num_freqs": NUMBERS[:1], "dist_min": OFFSETS[:1]}


def on(make, name):
    """The method `name` of a new object."""

    def call(*args, **arguments):
        return getattr(make(), name)(*args, **arguments)

    call.__name__, call.__module__ = f"{type(make()).__name__}.{name}", type(make()).__module__
    return call


def placed(coder_of, name):
    """The method `name` of a new object, whose arguments have places instead of names."""
    method = on(coder_of, name)

    def call(**arguments):
        return method(*arguments.values())

    call.__name__, call.__module__ = method.__name__, method.__module__
    return call


def open_stream():
    decoder = compressai.RansDecoder()
    decoder.set_stream(CODED)
    return decoder


def interface():
    coder = torch_ans.TorchANSInterface("rans64", freq_precision=12)
    coder.init_params(FREQS, NUMBERS, OFFSETS)
    return coder


def decoding():
    coder = interface()
    coder.set_stream(coder.encode_with_indexes(SYMBOLS, INDEXES))
    return coder


def stream():
    coder = torch_ans.rans64_init_stream(2)
    torch_ans.rans64_push(coder, BATCH, ROWS, **TABLE)
    return coder


NUMBER, MOMENTS = {"model": model.Uniform(4), "amt": 4}, {"model": GAUSSIAN, "means": PROBS, "stds": PROBS}
CODEBOOK = {"codebook": huffman.DecoderHuffmanTree(PROBS)}
LETTER = {"symbol": 1, "codebook": huffman.EncoderHuffmanTree(PROBS)}
BITS = {"symbol_precision": 8, "freq_precision": 16, "bypass_coding": True, "bypass_precision": 4}
MESSAGE = interface().encode_with_indexes(SYMBOLS, INDEXES)
EACH = {"freqs": FREQS[:1], "num_freqs": NUMBERS[:1], "offsets": OFFSETS[:1]}
MESSAGE_OF_EACH = interface().encode_with_freqs(SYMBOLS[:1], *EACH.values())
SETTINGS = {
    "impl": "rans64",
    "bypass_coding": True,
    "bypass_precision": 4,
    "num_parallel_states": 2,
    "num_interleaves": 1,
    "num_bytes_code_length": 4,
    "inverse_cdf_precision": 4,
    "alias_sampling": False,
    "incremental_compile": None,
    "symbol_precision": 8,
    "freq_precision": 16,
    "mode": "encdec",
    "check_validity": False,
    "dtype": np.int32,
    "device": None,
}
CALLS = [
    Call(compressai.pmf_to_quantized_cdf, {"pmf": PROBS, "precision": 16}),
    Call(on(compressai.RansEncoder, "encode_with_indexes"), {"symbols": SYMBOLS, "indexes": INDEXES, **TABLE}),
    Call(on(compressai.BufferedRansEncoder, "encode_with_indexes"), {"symbols": SYMBOLS, "indexes": INDEXES, **TABLE}),
    Call(on(compressai.RansDecoder, "set_stream"), {"encoded": CODED}),
    Call(on(compressai.RansDecoder, "decode_with_indexes"), {"encoded": CODED, "indexes": INDEXES, **TABLE}),
    Call(on(open_stream, "decode_stream"), {"indexes": INDEXES, **TABLE}),
    Call(stack.AnsCoder, {"compressed": WORDS, "seal": False}),
    Call(on(lambda: stack.AnsCoder(WORDS, True), "get_compressed"), {"unseal": True}),
    Call(on(lambda: stack.AnsCoder(WORDS), "seek"), {"position": 9, "state": 2**40}),
    Call(placed(stack.AnsCoder, "encode_reverse"), {"symbols": SYMBOLS, **MOMENTS}),
    Call(placed(lambda: stack.AnsCoder(WORDS), "decode"), MOMENTS),
    Call(placed(lambda: stack.AnsCoder(WORDS), "decode"), NUMBER),
    Call(placed(queue.RangeEncoder, "encode"), {"symbols": SYMBOLS, **MOMENTS}),
    Call(queue.RangeDecoder, {"compressed": WORDS}),
    Call(on(lambda: queue.RangeDecoder(WORDS), "seek"), {"position": 9, "state": (1, 2**40)}),
    Call(placed(lambda: queue.RangeDecoder(WORDS), "decode"), NUMBER),
    Call(chain.ChainCoder, {"data": WORDS, "is_remainders": False, "seal": False}),
    Call(on(lambda: chain.ChainCoder(WORDS, False, True), "get_data"), {"unseal": True}),
    Call(placed(lambda: chain.ChainCoder(WORDS), "decode"), MOMENTS),
    Call(
        placed(lambda: chain.ChainCoder(WORDS, True), "encode_reverse"),
        {"symbols": SYMBOLS, **MOMENTS},
    ),
    Call(model.Bernoulli, {"p": 0.5, "perfect": False}),
    Call(model.Binomial, {"n": 4, "p": 0.5}),
    Call(model.Categorical, {"probabilities": PROBS, "lazy": False, "perfect": False}),
    Call(model.CustomModel, {"cdf": abs, "approximate_inverse_cdf": abs, **BOUNDS}),
    Call(model.QuantizedCauchy, {**BOUNDS, "loc": 0.0, "scale": 1.0}),
    Call(model.QuantizedGaussian, {**BOUNDS, "mean": 0.0, "std": 1.0}),
    Call(model.QuantizedLaplace, {**BOUNDS, "mean": 0.0, "scale": 1.0}),
    Call(model.ScipyModel, {"scipy_model": types.SimpleNamespace(cdf=abs, ppf=abs), **BOUNDS}),
    Call(model.Uniform, {"size": 4}),
    Call(huffman.EncoderHuffmanTree, {"probabilities": PROBS}),
    Call(huffman.DecoderHuffmanTree, {"probabilities": PROBS}),
    Call(on(constriction.symbol.QueueEncoder, "encode_symbol"), LETTER),
    Call(constriction.symbol.QueueDecoder, {"compressed": WORDS}),
    Call(on(lambda: constriction.symbol.QueueDecoder(WORDS), "decode_symbol"), CODEBOOK),
    Call(constriction.symbol.StackCoder, {"compressed": WORDS}),
    Call(on(constriction.symbol.StackCoder, "encode_symbol"), LETTER),
    Call(on(lambda: constriction.symbol.StackCoder(WORDS), "decode_symbol"), CODEBOOK),
    Call(torch_ans.merge_bytes, {"data": [b"a"], "num_bytes_length": 4, "num_segments": 1}),
    Call(torch_ans.split_merged_bytes, {"data": b"\1\0\0\0a", "num_bytes_length": 4, "num_segments": 1}),
    Call(torch_ans.rans_pmf_to_quantized_cdf, {"pmfs": PROBS[None], "precision": 16}),
    Call(
        torch_ans.rans_alias_build_table,
        {"cdfs": CDFS[:, [0, 2, 3]], "cdfs_sizes": SIZES - 1, "symbol_precision": 1, "freq_precision": 16},
    ),
    Call(torch_ans.rans_build_inverse_cdf, {"cdfs": CDFS, "freq_precision": 16, "table_precision": 4}),
    Call(torch_ans.tans_build_tables, {"cdfs": np.array([[0, 2, 6, 8]]), "cdfs_sizes": SIZES[:1], "table_log": 3}),
    Call(torch_ans.rans64_init_stream, {"size": 2, "num_interleaves": 1, "preallocate_size": 9}),
    Call(
        torch_ans.rans64_push,
        {"stream": stream(), "symbols": BATCH, "indexes": ROWS, **TABLE, **BITS, "used_bytes": -1},
    ),
    Call(torch_ans.rans64_pop, {"stream": stream(), "indexes": ROWS, **TABLE, **BITS, "inverse_cdf_precision": -1}),
    Call(torch_ans.rans_stream_to_byte_strings, {"stream": stream()}),
    Call(torch_ans.rans_byte_strings_to_stream, {"byte_strings": [b"abcd"]}),
    Call(torch_ans.Stream, {"array": stream().numpy()}),
    Call(on(stream, "reserve"), {"length": 99}),
    Call(on(stream, "size"), {"dim": 1}),
    Call(torch_ans.TorchANSInterface, SETTINGS),
    Call(on(interface, "init_params"), {"freqs": FREQS, "num_freqs": NUMBERS, "offsets": OFFSETS}),
    Call(on(interface, "set_cdfs"), {"cdfs": CDFS // 16, "cdfs_sizes": SIZES, "offsets": OFFSETS}),
    Call(on(interface, "encode"), {"symbols": SYMBOLS, "dist_indexes": INDEXES, "cache": False}),
    Call(on(interface, "encode"), {"symbols": SYMBOLS[:1], **TENSORS, "cache": False}),
    Call(on(interface, "encode_with_indexes"), {"symbols": SYMBOLS, "indexes": INDEXES, "cache": False}),
    Call(on(interface, "encode_with_freqs"), {"symbols": SYMBOLS[:1], **EACH, "cache": False}),
    Call(on(interface, "decode"), {"stream": interface().encode(SYMBOLS, INDEXES), "dist_indexes": INDEXES}),
    Call(on(interface, "decode_with_indexes"), {"encoded": MESSAGE, "indexes": INDEXES}),
    Call(
        on(interface, "decode_with_freqs"),
        {"encoded": MESSAGE_OF_EACH, **EACH},
    ),
    Call(on(interface, "set_stream"), {"encoded": MESSAGE}),
    Call(on(decoding, "decode_stream"), {"indexes": INDEXES}),
    Call(on(decoding, "decode_stream_with_freqs"), EACH),
]
KINDS = TypeError | ValueError | CodingError | OverflowError | NotImplementedError | AttributeError | LookupError
"""The packages raise the last four for some values, and so do their interfaces here."""


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_wrong_values(call):
    check_wrong_values(call, KINDS)


def test_every_function_is_here():
    """Those with arguments. The names of low-level functions of torch_ans make more of the same."""
    tried = {str(call) for call in CALLS}
    for module in (compressai, model, stack, queue, chain, constriction.symbol, huffman, torch_ans):
        for name, found in vars(module).items():
            if not callable(found) or name.startswith("_") or not found.__module__.startswith(module.__name__):
                continue
            short = found.__module__.rpartition(".")[2]
            assert f"{short}.{name}" in tried or not inspect.signature(found).parameters, name
            for method, function in vars(found).items() if inspect.isclass(found) else ():
                if not method.startswith("_") and inspect.isfunction(function) and arguments_of(function) > 1:
                    assert f"{short}.{name}.{method}" in tried, f"{name}.{method}"


def arguments_of(function):
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    return len([kind for kind in kinds if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD])
