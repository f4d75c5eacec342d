"""Calls of kernels from Python without XLA: what they refuse, threads, and processes that fork."""

import os
import subprocess
import sys
import threading

import cases
import numpy as np
import pytest

from jans.ffi import host
from jans.status import BAD_SYMBOL, OVERFLOW

LAYOUT = host.Layout(("I", 1, 2), 0, ("i",), ("i",))
CDF, FIRST = np.array([[0, 2**22, 2**23, 2**24]], np.uint32), np.zeros(1, np.int32)
CODER = {"variant": 0, "precision": 24}


def coder(capacity=8):
    numbers, words = bytearray(16), np.zeros(capacity, np.uint32)
    return numbers, words, LAYOUT(numbers, words)


def test_a_kernel_updates_arrays_in_place():
    numbers, _, arrays = coder()
    model = host.Arrays(CDF, FIRST)
    symbols = np.array([0, 2, 1, 1, 2, 0] * 9, np.int32)
    assert host.kernel("rans_push_rows", **CODER)(arrays, symbols, model) == 0
    assert 0 < np.frombuffer(numbers, np.int32)[2] < 8
    found = np.empty_like(symbols)
    assert host.kernel("rans_pop_rows", **CODER)(arrays, model, found) == 0
    assert (found == symbols).all() and not any(numbers[:12])  # noqa: PT018


def test_numbers_stand_for_arrays_of_length_one():
    _, _, arrays = coder()
    push, pop = (host.kernel(f"rans_{way}_rows", **CODER) for way in ("push", "pop"))
    for symbol in (1, 2):
        assert push.run(arrays, symbol, CDF, FIRST) == 0
    assert [pop.one(arrays, CDF, FIRST) for _ in range(2)] == [2, 1]
    assert pop.one(arrays, np.array([[0, 0]], np.uint32), FIRST) is None  # a row without a symbol


@pytest.mark.parametrize(("symbols", "capacity", "status"), [([1, 7, 2], 8, BAD_SYMBOL), ([1] * 99, 1, OVERFLOW)])
def test_a_call_is_taken_back(symbols, capacity, status):
    numbers, _, arrays = coder(capacity)
    kept = host.kernel("rans_push_rows", undo=status, **CODER)
    assert kept(arrays, 2, CDF, FIRST) == 0
    before = bytes(numbers)
    assert kept(arrays, np.array(symbols, np.int32), CDF, FIRST) == status
    assert bytes(numbers) == before
    assert host.kernel("rans_push_rows", **CODER)(arrays, np.array(symbols, np.int32), CDF, FIRST) == status
    assert bytes(numbers) != before


@pytest.mark.skipif(not cases.KERNELS, reason="plain JAX has other errors")
@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda a: a[:-2], TypeError, "a kernel of 7 operands was called with 5 arrays"),
        (lambda a: [*a, np.zeros(1, np.int32)], ValueError, "wrong number of results: expected 4, got 5"),
        (lambda a: [a[0], np.zeros(3, np.int64), *a[2:]], TypeError, "no kernel takes an array of format 'l'"),
        (lambda a: [a[0], np.zeros(3, ">i4"), *a[2:]], TypeError, "no kernel takes an array of format '>i'"),
        (lambda a: [a[0], np.zeros((3, 2), np.int32)[:, 0], *a[2:]], ValueError, "not C-contiguous"),
        (lambda a: [a[0], memoryview(bytes(13))[1:].cast("i"), *a[2:]], ValueError, "an array is not aligned"),
        (lambda a: [a[0], 2**31, *a[2:]], OverflowError, "a number does not fit int32"),
        (lambda a: [a[0], "text", *a[2:]], TypeError, "bytes-like"),
        (lambda a: [a[0], np.zeros(3, np.float32), *a[2:]], ValueError, "symbols must be uint8, uint16 or int32"),
        (lambda a: [*a[:3], np.zeros(2, np.int32)], ValueError, "index fits neither one nor all symbols"),
        (lambda a: [*a[:2], CDF[0], a[3]], ValueError, "cdf"),
    ],
)
def test_errors(change, error, text):
    arrays = [coder()[2], np.zeros(3, np.int32), CDF, FIRST]
    with pytest.raises(error, match=text):
        host.kernel("rans_push_rows", **CODER)(*change(arrays))


@pytest.mark.skipif(not cases.KERNELS, reason="plain JAX has other errors")
def test_what_is_read_only_stays_as_it_is():
    words = np.zeros(8, np.uint32)
    words.flags.writeable = False
    push = host.kernel("rans_push_rows", **CODER)
    with pytest.raises(ValueError, match="a kernel writes to an array that is read-only"):
        push(LAYOUT(bytearray(16), words), 1, CDF, FIRST)
    with pytest.raises(ValueError, match="a layout takes 16 aligned bytes"):
        LAYOUT(bytearray(12), words)
    with pytest.raises(TypeError, match="a layout takes bytes and 1 arrays"):
        LAYOUT(bytearray(16))


def test_threads_have_coders_of_their_own():
    """Calls long enough to run side by side; each thread gets what it would get alone."""
    symbols, model = np.random.default_rng(0).integers(0, 3, 50_000, np.int32), host.Arrays(CDF, FIRST)
    push, pop = (host.kernel(f"rans_{way}_rows", **CODER) for way in ("push", "pop"))
    results = []

    def work():
        for _ in range(5):
            numbers, words, arrays = coder(50_000)
            found = np.empty_like(symbols)
            push(arrays, symbols, model)
            content = bytes(numbers), words.tobytes()
            pop(arrays, model, found)
            results.append((content, found.tobytes()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20 and len(set(results)) == 1  # noqa: PT018
    assert results[0][1] == symbols.tobytes()


@pytest.mark.skipif(not cases.KERNELS, reason="only kernels let other threads run meanwhile")
def test_threads_do_not_share_a_coder():
    symbols = np.zeros(2_000_000, np.int32)
    _numbers, _words, arrays = coder(2_000_000)
    push = host.kernel("rans_push_rows", **CODER)
    errors = []

    def work():
        try:
            for _ in range(3):
                push(arrays, symbols, CDF, FIRST)
        except RuntimeError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors and all("another thread is using this coder" in error for error in errors)  # noqa: PT018


def run(code, **variables):
    return subprocess.run(
        [sys.executable, "-P", "-c", code], env=os.environ | variables, capture_output=True, text=True, timeout=120
    )


FORK = """
import multiprocessing, sys
import jax
import numpy as np
import jans
from jans.compat import compressai, constriction, torch_ans
table = jans.TableCoder.from_probs(np.ones((4, 30), np.float32), tail=0.5)
gaussian = jans.models.Gaussian(0.0, 9.0, low=-100, high=100, precision=12)
jax.block_until_ready((table, gaussian))  # a child has no thread that would go on with them
x = np.random.default_rng(0).integers(0, 30, 300_000).astype(np.int32)
def work():
    out = []
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(x, constriction.stream.model.QuantizedGaussian(-50, 50, 10.0, 9.0))
    out.append(coder.get_compressed().tobytes())
    batch, index = x.reshape(300, -1), np.arange(1000) % 4
    strings = table.encode_batch(batch, index)
    assert (table.decode_batch(strings, index) == batch).all()
    out += strings
    message = jans.to_bytes(jans.chunked.encode(gaussian, x, chunk=5000))
    assert (jans.chunked.Reader(message).read(gaussian) == x).all()
    out.append(message)
    interface = torch_ans.TorchANSInterface("rans64", num_parallel_states=64)
    interface.init_params(np.ones((1, 20)), np.array([20]), np.array([0]))
    out.append(interface.encode_with_indexes(x, np.zeros_like(x)))
    cdfs = [compressai.pmf_to_quantized_cdf([0.25] * 4, 16)]
    out.append(compressai.RansEncoder().encode_with_indexes(x.tolist(), [0] * x.size, cdfs, [5], [0]))
    return out
def child(queue):
    queue.put(hash(tuple(work())))
expected = hash(tuple(work())) if sys.argv[1] == "used" else None
queue = multiprocessing.get_context("fork").Queue()
process = multiprocessing.get_context("fork").Process(target=child, args=(queue,))
process.start()
print(queue.get(timeout=60) == (hash(tuple(work())) if expected is None else expected))
process.join()
"""


@pytest.mark.skipif(not cases.KERNELS, reason="without kernels, calls go through JAX, which has no threads in a fork")
@pytest.mark.parametrize("parent", ["used", "new"])
def test_a_forked_child_answers(parent):
    code = f"import sys; sys.argv[1:] = [{parent!r}]\n{FORK}"
    done = run(code, PYTHONHASHSEED="0", PYTHONWARNINGS="ignore")
    assert done.stdout == "True\n", done.stderr


THREADS = """
import numpy as np, hashlib
import jans
x = np.random.default_rng(0).integers(0, 30, (64, 5000))
table = jans.TableCoder.from_probs(np.ones((4, 30), np.float32), tail=0.5)
print(hashlib.sha256(b"".join(table.encode_batch(x, np.arange(5000) % 4))).hexdigest())
"""


def test_the_number_of_threads_changes_nothing():
    results = {run(THREADS, JANS_THREADS=str(count)).stdout for count in (1, 2, 7)}
    assert len(results) == 1 and len(results.pop()) == 65  # noqa: PT018


@pytest.mark.parametrize("count", ["0", "-1", "two", ""])
def test_a_wrong_number_of_threads(count):
    assert f"ImportError: JANS_THREADS is {count!r}" in run("import jans.ffi.host", JANS_THREADS=count).stderr


NO_BACKEND = """
import numpy as np
from jax._src import xla_bridge
from jans.compat import compressai, torch_ans
cdfs = [compressai.pmf_to_quantized_cdf([0.25] * 4, 16)]
message = compressai.RansEncoder().encode_with_indexes([1, 70, 2], [0] * 3, cdfs, [5], [0])
assert compressai.RansDecoder().decode_with_indexes(message, [0] * 3, cdfs, [5], [0]) == [1, 70, 2]
for impl in ("rans64", "tans32"):
    coder = torch_ans.TorchANSInterface(impl, freq_precision=12)
    coder.init_params(np.ones((1, 20)), np.array([20]), np.array([0]))
    symbols = np.array([[3, 90, 1]])
    assert (coder.decode_with_indexes(coder.encode_with_indexes(symbols, symbols * 0), symbols * 0) == symbols).all()
print(xla_bridge.backends_are_initialized())
"""


@pytest.mark.skipif(not cases.KERNELS, reason="without kernels, calls go through JAX")
def test_interfaces_start_no_backend():
    done = run(NO_BACKEND)
    assert done.stdout == "False\n", done.stderr
