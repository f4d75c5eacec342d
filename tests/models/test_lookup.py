"""Tables that were prepared for popping give what they give without, for every lookup, coder, and damaged row."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jans
from jans import chain, models, range_coder, rans
from jans.ffi import targets
from jans.models import table

N = 500


@settings(max_examples=20 if cases.KERNELS else 3)
@given(st.data())
def test_lookups_agree(data):
    variant = data.draw(st.sampled_from(["rans64", "rans32_16"]))
    precision = data.draw(st.integers(1, 24 if variant == "rans64" else 15))
    count, n = data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 2, 3, 17, 300]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    cdf = cases.rows(rng, count, n, precision, data.draw(st.sampled_from([1, 6, 40])))
    plain = models.Table(cdf, rng.integers(0, count, N), precision)
    quantiles = rng.integers(0, 2**precision, N).astype(np.uint32)
    symbols = plain.locate(quantiles)
    empty = rans.init(N, data.draw(st.sampled_from([1, 3, 4, 8, 32])), variant)
    state = rans.push(empty, plain, symbols)
    words = rng.integers(0, 2**32, N, dtype=np.uint32)
    for lookup in table.LOOKUPS:
        if lookup == "alias" or (lookup == "dense" and precision > 12):  # tests/test_alias.py has the first
            continue
        model = plain.prepare(lookup)
        assert cases.content(rans.push(empty, model, symbols)) == cases.content(state)
        rest, again = rans.pop(state, model)
        assert cases.same(again, symbols)
        assert rans.is_empty(rest)
        for one, other in zip(
            jax.tree.leaves(chain.pop(chain.init(words), model)),
            jax.tree.leaves(chain.pop(chain.init(words), plain)),
            strict=True,
        ):
            assert cases.same(one, other)
        encoded = range_coder.to_words(range_coder.encode(range_coder.encoder(N), model, symbols))
        assert cases.same(range_coder.decode(range_coder.decoder(encoded), model)[1], symbols)


@pytest.mark.parametrize("bits", [0, 3, 10])
def test_every_quantile(bits):
    rng = np.random.default_rng(bits)
    cdf = cases.rows(rng, 3, 50, 10, 6)
    quantiles = np.arange(2**10, dtype=np.uint32)
    for k in range(3):
        model = models.Table(cdf, k, 10)
        (guide,) = targets.maps.table_guide(model.cdf, precision=10, bits=bits)
        start, freq = model.interval(model.locate(quantiles))
        state = rans.State(
            head=jnp.stack([jnp.asarray(quantiles + np.uint32(2**31)), jnp.zeros(2**10, jnp.uint32)], axis=-1),
            tail=jnp.zeros(2**11, jnp.uint32),
            size=jnp.int32(2**11),
            status=jnp.int32(0),
            variant="rans64_ryg",
        )
        expected = rans.pop(state, model, (2**10,))
        model.guide = guide
        found = rans.pop(state, model, (2**10,))
        assert cases.same(found[1], model.locate(quantiles))
        assert cases.same(found[1], expected[1])
        assert cases.content(found[0]) == cases.content(expected[0])
        assert ((quantiles >= start) & (quantiles - start < freq)).all()


def test_rows_that_are_no_distribution_are_refused():
    cdf = np.array([[0, 8, 16], [0, 8, 15], [1, 1, 1], [0, 17, 16]], np.uint32)
    make = jax.jit(lambda cdf, k: models.Table(cdf, k, 4).prepare())
    state = rans.random(jax.random.key(0), 20, 40)
    for k, wanted in enumerate([0, jans.status.BAD_MODEL, jans.status.BAD_MODEL, jans.status.BAD_MODEL]):
        rest, symbols = rans.pop(state, make(cdf, k), (8,))
        assert int(rest.status) == wanted
        assert wanted == 0 or not symbols.any()


def test_rows_are_chosen_anew_without_preparing_again():
    cdf = np.array([[0, 3, 16], [0, 9, 16]])
    prepared = models.Table(cdf, precision=4).prepare()
    other = prepared.at(jnp.array([1, 0, 1]))
    assert other.guide is prepared.guide
    assert other.index.tolist() == [1, 0, 1]
    symbols = jnp.array([1, 1, 0])
    state = rans.push(rans.init(4), models.Table(cdf, jnp.array([1, 0, 1]), 4), symbols)
    assert cases.same(rans.pop(state, other)[1], symbols)
    assert prepared.prepare("search").guide is None


def test_streams_share_the_guide():
    model = models.Table(np.array([[0, 3, 16], [0, 9, 16]]), precision=4).prepare()
    pop = jax.vmap(lambda state, index: rans.pop(state, model.at(index)))
    states = jax.vmap(lambda key: rans.random(key, 20, 20))(jax.random.split(jax.random.key(1), 6))
    text = jax.jit(pop).lower(states, jnp.zeros((6, 30), jnp.int32)).as_text()
    call = next(line for line in text.splitlines() if "rans_pop" in line or "while" in line)
    assert "tensor<6x2x" not in call


def test_what_may_be_asked_for():
    table_of = lambda n, precision: models.Table(np.array([[0, *([2**precision] * n)]]), precision=precision)
    with pytest.raises(ValueError, match="lookup must be one of auto, search, guide, dense, alias, got 'quick'"):
        table_of(2, 4).prepare("quick")
    with pytest.raises(ValueError, match="guides are for at most 24 bits of precision and 65536 symbols, got 25 bits"):
        table_of(2, 25).prepare("guide")
    assert table_of(2, 25).prepare().guide is None
    assert table_of(2**16 + 1, 24).prepare().guide is None
    assert table_of(2**16, 17).prepare("guide").guide is not None
    with pytest.raises(TypeError, match="index must be integers, got float32"):
        table_of(2, 4).at(jnp.zeros(3))
