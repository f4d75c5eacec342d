"""Golden bitstreams: what was released decodes for ever, and is what every coder still writes."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import VECTORS as FOLDER
from vectors import generate, torch_ans_streams

import jans
from jans import models, rans
from jans._variants import RANS

FILE = FOLDER / "rans.json"
VECTORS = json.loads(FILE.read_text())


def from_hex(text, word_bits):
    return np.frombuffer(bytes.fromhex(text), f"<u{word_bits // 8}")


def test_the_file_is_what_the_generator_writes():
    assert FILE.read_text() == generate.document()


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda v: f"{v['variant']}-{v['lanes']}-{v['precision']}")
def test_message(vector):
    model = models.Table(np.array([vector["cdf"]]), 0, vector["precision"])
    symbols = jnp.array(vector["symbols"])
    layout = {"lanes": vector["lanes"], "variant": vector["variant"]}
    words = from_hex(vector["words"], RANS[vector["variant"]].word_bits)
    state = rans.push(rans.init(300, **layout), model, symbols)
    assert rans.to_words(state).tolist() == words.tolist()
    assert jans.to_bytes(state, fingerprint=vector["precision"]).hex() == vector["bytes"]
    from_bytes = jans.from_bytes(bytes.fromhex(vector["bytes"]), fingerprint=vector["precision"])
    for read in (from_bytes, rans.from_words(words, **layout)):
        rest, again = rans.pop(read, model, shape=symbols.shape)
        assert again.tolist() == vector["symbols"]
        assert rans.is_empty(jans.check(rest))


@pytest.mark.parametrize("vector", VECTORS["batches"])
def test_batch(vector):
    model = models.Table(np.array([vector["cdf"]]), 0, vector["precision"])
    state = jans.from_bytes(bytes.fromhex(vector["bytes"]))
    assert state.size.shape == (3, 2)
    assert jans.to_bytes(state).hex() == vector["bytes"]
    for k, symbols in enumerate(vector["symbols"]):
        one = jax.tree.map(lambda leaf, k=k: leaf[k // 2, k % 2], state)
        rest, again = rans.pop(one, model, shape=(len(symbols),))
        assert again.tolist() == symbols
        assert rans.is_empty(jans.check(rest))


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["what"])
def test_refused(vector):
    with pytest.raises(jans.CodingError) as error:
        jans.from_bytes(bytes.fromhex(vector["bytes"]))
    assert str(error.value).startswith(vector["error"])


# ---- torch_ans: bitstreams that the package itself wrote ----

STREAMS = [f"{name}.i{n}" for name in ("rans64", "rans32", "rans32_16") for n in (1, 2, 4, 8)] + ["rans32_16.i32"]


@pytest.mark.parametrize("bypass", ["", ".bypass"])
@pytest.mark.parametrize("stream", STREAMS)
def test_torch_ans(stream, bypass):
    """Four bytes of length before every string."""
    name, lanes = stream.split(".i")
    part = torch_ans_streams.load()[stream + bypass]
    table = models.Table(part["cdfs"], precision=int(part["freq_precision"]))
    index, symbols = part["indexes"].reshape(-1), part["symbols"].reshape(-1)
    if bypass:
        assert (symbols < part["offsets"][index]).any()
        model = models.Bypass(table.prepare(), part["cdfs_sizes"] - 2, part["offsets"])
    else:
        model, symbols = table.prepare(), symbols - part["offsets"][index]
    (string,) = jans.byte_strings.split(part["encoded"].tobytes())
    coder = jans.TableCoder(model, {"rans64": "rans64_ryg"}.get(name, name), int(lanes))
    assert coder.encode(symbols, index) == string
    assert (coder.decode(string, index) == symbols).all()
