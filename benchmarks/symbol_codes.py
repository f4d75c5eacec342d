"""Compares symbol codes with constriction's, for `cpu.py`."""

from collections.abc import Callable

# Import this before JAX, because it sets the flags of XLA.
from measure import interleaved, laplace  # isort: skip

import constriction
import jax
import jax.numpy as jnp
import numpy as np

from jans import huffman

peer = constriction.symbol


def symbol_codes(repetitions: int) -> list[tuple[str, ...]]:
    """A Huffman code of 256 symbols of about 5 bits. The peer needs a call from Python for each symbol."""
    n, fewer = 1_000_000, 100_000
    probs = laplace(256, 6.0)
    symbols = np.random.default_rng(0).choice(256, n, p=probs / probs.sum())
    message = symbols[:fewer].tolist()
    encoder, decoder = peer.huffman.EncoderHuffmanTree(probs), peer.huffman.DecoderHuffmanTree(probs)

    def peer_write(coder):
        for symbol in message:
            coder.encode_symbol(symbol, encoder)
        return coder

    def peer_read(coder):
        for _ in message:
            coder.decode_symbol(decoder)

    words, _ = peer_write(peer.QueueEncoder()).get_compressed_and_bitrate()
    # Writing and reading take turns: one message more, one message less.
    stacked = peer_write(peer.StackCoder())
    calls: dict[str, Callable[[], object]] = {
        "peer queue write": lambda: peer_write(peer.QueueEncoder()),
        "peer queue read": lambda: peer_read(peer.QueueDecoder(words)),
        "peer stack write": lambda: peer_write(stacked),
        "peer stack read": lambda: peer_read(stacked),
    }
    code = huffman.codebook(jnp.asarray(probs))
    for dtype in (jnp.int32, jnp.uint8):
        x = jnp.asarray(symbols, dtype)
        queue, stack = huffman.encode(huffman.queue(n), code, x), huffman.push(huffman.stack(n), code, x)
        reader = huffman.reader(queue)
        name = np.dtype(dtype).name
        calls |= {
            f"{name} queue write": writer(huffman.encode, huffman.queue(n), code, x),
            f"{name} queue read": lambda r=reader, t=dtype: huffman.decode(r, code, (n,), t),
            f"{name} stack write": writer(huffman.push, huffman.stack(n), code, x),
            f"{name} stack read": lambda s=stack, t=dtype: huffman.pop(s, code, (n,), t),
        }
        assert (huffman.decode(reader, code, (n,))[1] == x).all()
        assert (huffman.pop(stack, code, (n,))[1] == x).all()
    seconds = interleaved(calls, repetitions)
    rates = {name: (fewer if name.startswith("peer") else n) / s / 1e6 for name, s in seconds.items()}
    rows = []
    for container in ("queue", "stack"):
        theirs = [rates[f"peer {container} {verb}"] for verb in ("write", "read")]
        rows.append((f"constriction {container}", *(f"{rate:.0f}" for rate in theirs), "", ""))
        for name in ("int32", "uint8"):
            ours = [rates[f"{name} {container} {verb}"] for verb in ("write", "read")]
            ratios = (f"{a / b:.1f}" for a, b in zip(ours, theirs, strict=True))
            rows.append((f"jans {container}, {name}", *(f"{rate:.0f}" for rate in ours), *ratios))
    return rows


def writer(write, empty, code, symbols):
    """Writes into one buffer again and again, as a compiled program."""
    step = jax.jit(lambda bits: write(bits, code, symbols), donate_argnums=0)
    buffers = {"words": empty.words}

    def call():
        bits = step(type(empty)(empty.partial_word + 0, buffers["words"], empty.size + 0, empty.status + 0))
        buffers["words"] = bits.words
        return bits

    return call
