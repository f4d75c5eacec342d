"""Alias tables: what they say, for any alphabet; that what was pushed with them is popped, with the same words from
kernels and in plain JAX; and what is refused."""

import functools
import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import jans
from jans import chain, models, range_coder, rans, status
from jans._variants import RANS
from jans.ffi import targets
from jans.reference import spec


def buckets_of(cdf, precision):
    """The symbol of every quantile, by two stacks as in Vose's paper, which torch_ans and fsc have, too."""
    n = len(cdf) - 1
    count = 2 ** min((n - 1).bit_length(), precision)
    cut, left = 2**precision // count, [b - a for a, b in itertools.pairwise(cdf)] + [0] * (count - n)
    small = [s for s in range(count) if left[s] < cut]
    large = [s for s in range(len(left)) if left[s] >= cut]
    owners = [[s] * cut for s in range(count)]
    while small:
        s, other = small.pop(), large.pop()
        owners[s] = [s] * left[s] + [other] * (cut - left[s])
        left[other] -= cut - left[s]
        if left[other] >= cut:
            large.append(other)
        elif other < count:
            small.append(other)
    return [s for bucket in owners for s in bucket]


def of_row(cdf, precision):
    return [
        np.asarray(make(np.asarray(cdf, np.uint32), precision=precision)[0])
        for make in (targets.maps.table_alias, targets.maps.table_remap)
    ]


@st.composite
def some_rows(draw, most_precision=12, count=1):
    precision, n = draw(st.integers(1, most_precision)), draw(st.sampled_from([1, 2, 3, 4, 5, 8, 17, 64, 100]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return cases.rows(rng, count, n, precision, draw(st.sampled_from([0, 1, 6, 40]))), precision


@settings(max_examples=cases.examples(20) if cases.KERNELS else 5)
@given(some_rows())
@example((np.array([[0, 0, 0, 2]]), 1))  # more symbols than quantiles
@example((np.array([[0, 1, 1, 1, 1, 1, 2]]), 1))
@example((np.array([[0, 2, 2, 2, 2, 2, 2]]), 1))
@example((np.array([[0, 4, 8, 12, 16]]), 4))  # nobody gives
@example((np.array([[0, 0, 0, 0, 16]]), 4))
def test_every_quantile(given_rows):
    (cdf,), precision = given_rows
    words, remap = of_row(cdf, precision)
    pieces = remap[-len(words) // 2 :].reshape(-1, 2).astype(np.int64)
    guide = remap[: -len(words) // 2]
    buckets = words.reshape(-1, 2, 4).astype(np.int64)
    quantiles = np.arange(2**precision)
    bucket = buckets[quantiles * len(buckets) // 2**precision]
    side = np.where((quantiles < bucket[:, 0, 3])[:, None], bucket[:, 0], bucket[:, 1])
    symbols = np.array(buckets_of(cdf.tolist(), precision))
    assert (side[:, 0] == symbols).all()
    assert (side[:, 2] == np.diff(cdf)[symbols]).all()
    ranks = quantiles - side[:, 1]
    for s in np.unique(symbols):
        assert ranks[symbols == s].tolist() == list(range(cdf[s + 1] - cdf[s]))
    places = cdf[symbols] + ranks
    piece = np.searchsorted(pieces[:, 0], places, side="right") - 1
    assert (pieces[piece, 1] + places - pieces[piece, 0] == quantiles).all()
    assert (guide[places * len(guide) // 2**precision] <= piece).all()
    starts = np.arange(len(guide)) * 2**precision // len(guide)
    assert (np.searchsorted(pieces[:, 0], starts, side="right") - 1 == guide).all()
    with jax.enable_x64(True):
        for kernel, name in ((words, "table_alias"), (remap, "table_remap")):
            (expected,) = targets.TARGETS[name].reference(jnp.asarray(cdf, jnp.uint32), precision=precision)
            assert cases.same(kernel, expected)


def plain_words(v, lanes, cdf, index, symbols, precision):
    """A message coded with plain integers."""
    owners = [buckets_of(row.tolist(), precision) for row in cdf]
    places = [[[q for q, s in enumerate(row) if s == x] for x in range(cdf.shape[1] - 1)] for row in owners]
    coder = spec.rans.init(v, lanes)
    for i in reversed(range(len(symbols))):
        start, end = cdf[index[i], symbols[i] : symbols[i] + 2].tolist()
        coder = spec.rans.push_one(v, coder, i % lanes, start, end - start, precision)
        heads, tail = coder
        low = heads[i % lanes] % 2**precision
        head = heads[i % lanes] - low + places[index[i]][symbols[i]][low - start]
        coder = (*heads[: i % lanes], head, *heads[i % lanes + 1 :]), tail
    return spec.rans.words(v, coder)


@settings(max_examples=cases.examples(60) if cases.KERNELS else 4)
@given(some_rows(count=3), st.data())
def test_what_was_pushed_is_popped(given_rows, data):
    cdf, precision = given_rows
    variant = data.draw(st.sampled_from([name for name, v in RANS.items() if v.max_precision >= precision]))
    lanes, n = data.draw(st.sampled_from([1, 2, 4, 8, 32])), data.draw(st.sampled_from([0, 1, 33, 90]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    index = rng.integers(0, 3, n)
    table = models.Table(cdf, index, precision)
    symbols = np.asarray(table.locate(rng.integers(0, 2**precision, n).astype(np.uint32)))
    dtype = data.draw(st.sampled_from([jnp.uint8, jnp.int16, jnp.int32]))
    prepared = table.prepare("alias")
    state = rans.push(rans.init(4 * n, lanes, variant), prepared, jnp.asarray(symbols, dtype))
    expected = plain_words(RANS[variant], lanes, cdf, index, symbols.tolist(), precision)
    assert rans.to_words(jans.check(state)).tolist() == list(expected)
    rest, again = rans.pop(state, prepared, dtype=dtype)
    assert cases.same(again, jnp.asarray(symbols, dtype))
    assert rans.is_empty(jans.check(rest))
    # Any state pops, and what it popped pushes back to it.
    state = rans.random(jax.random.key(n), 3 * n + 9, 3 * n + 9, lanes, variant)
    rest, popped = rans.pop(state, prepared)
    assert cases.content(rans.push(rest, prepared, popped)) == cases.content(state)


def test_only_the_stack_coder_changes():
    cdf = cases.rows(np.random.default_rng(0), 2, 40, 10, 2)
    index = np.arange(100) % 2
    plain_table = models.Table(cdf, index, 10)
    prepared = plain_table.prepare("alias")
    quantiles = np.random.default_rng(1).integers(0, 1024, 100).astype(np.uint32)
    symbols = plain_table.locate(quantiles)
    assert cases.same(prepared.locate(quantiles), symbols)
    assert cases.same(prepared.interval(symbols), plain_table.interval(symbols))
    assert cases.same(prepared.bits(symbols), plain_table.bits(symbols))
    words = np.random.default_rng(2).integers(0, 2**32, 99, np.uint32)
    assert cases.same(chain.pop(chain.init(words), prepared)[1], chain.pop(chain.init(words), plain_table)[1])
    encoded = range_coder.to_words(range_coder.encode(range_coder.encoder(200), prepared, symbols))
    assert cases.same(range_coder.decode(range_coder.decoder(encoded), plain_table)[1], symbols)
    one, other = (rans.push(rans.init(200), model, symbols) for model in (prepared, plain_table))
    assert cases.content(one) != cases.content(other)
    assert abs(float(rans.content_bits(one) - rans.content_bits(other))) < 10
    # The last way counts.
    for lookup in ("auto", "search", "guide", "dense"):
        again = prepared.prepare(lookup)
        assert again.alias is None
        assert cases.content(rans.push(rans.init(200), again, symbols)) == cases.content(other)
    assert plain_table.prepare().alias is None
    assert plain_table.prepare("guide").prepare("alias").guide is None


def test_the_length_is_that_of_the_bits():
    cdf = cases.rows(np.random.default_rng(2), 4, 300, 14, 6)
    index = np.random.default_rng(3).integers(0, 4, 5000)
    table = models.Table(cdf, index, 14).prepare("alias")
    symbols = table.locate(np.random.default_rng(4).integers(0, 2**14, 5000).astype(np.uint32))
    state = rans.push(rans.init(5000), table, symbols)
    assert float(rans.content_bits(state)) == pytest.approx(float(table.bits(symbols).sum()), abs=33)


def test_rows_are_chosen_anew_without_preparing_again():
    cdf = np.array([[0, 3, 16], [0, 9, 16]])
    prepared = models.Table(cdf, precision=4).prepare("alias")
    other = prepared.at(jnp.array([1, 0, 1]))
    assert other.alias is prepared.alias
    assert other.remap is prepared.remap
    symbols = jnp.array([1, 1, 0])
    state = rans.push(rans.init(4), other, symbols)
    assert cases.same(rans.pop(state, other)[1], symbols)


def test_streams_share_the_tables_and_may_have_their_own():
    cdf = jnp.asarray(cases.rows(np.random.default_rng(5), 2, 9, 6, 1), jnp.uint32)
    symbols = jnp.arange(90).reshape(3, 30) % 9
    index = jnp.arange(90).reshape(3, 30) % 2

    def own(cdf, symbols, index):
        table = models.Table(cdf, index, 6).prepare("alias")
        state = rans.push(rans.init(60), table, symbols)
        return state, rans.pop(state, table)

    shared = functools.partial(own, cdf)
    batch = jax.jit(jax.vmap(shared))(symbols, index)
    assert cases.same(batch[1][1], symbols)
    assert cases.same(jax.vmap(own)(jnp.stack([cdf] * 3), symbols, index), batch)
    for k in range(3):
        assert cases.same(jax.tree.map(lambda a, k=k: a[k], batch), shared(symbols[k], index[k]))
    prepared = models.Table(cdf, precision=6).prepare("alias")
    pop = jax.vmap(lambda state, index: rans.pop(state, prepared.at(index)))
    text = jax.jit(pop).lower(batch[0], index).as_text()
    assert "tensor<3x2x" not in next(line for line in text.splitlines() if "rans_pop" in line or "while" in line)


def test_what_is_no_distribution_is_refused():
    cdf = np.array([[0, 8, 16], [0, 8, 15], [1, 1, 1], [0, 17, 16]], np.uint32)
    make = jax.jit(lambda cdf, k: models.Table(cdf, k, 4).prepare("alias"))
    state = rans.random(jax.random.key(0), 20, 40)
    for k, wanted in enumerate([0, status.BAD_MODEL, status.BAD_MODEL, status.BAD_MODEL]):
        rest, symbols = rans.pop(state, make(cdf, k), (8,))
        assert int(rest.status) == wanted
        assert wanted == 0 or not symbols.any()
        assert wanted == 0 or cases.same((rest.head, rest.size), (state.head, state.size))
        assert int(rans.push(state, make(cdf, k), jnp.zeros(3, int)).status) == wanted
    # A row that falls has symbols that look like any other; none of them is coded.
    falls = make(np.array([[0, 9, 3, 16]], np.uint32), 0)
    assert int(rans.push(state, falls, jnp.array([0])).status) == status.BAD_MODEL
    table = models.Table(np.array([[0, 8, 8, 16]]), precision=4).prepare("alias")
    assert int(rans.push(state, table, jnp.array([1])).status) == status.BAD_SYMBOL
    assert int(rans.push(state, table, jnp.array([3])).status) == status.BAD_SYMBOL
    for missing in (-1, 1):
        at = jnp.int32(missing)
        assert int(rans.push(state, table.at(at), jnp.array([0])).status) == status.BAD_MODEL
        assert int(rans.pop(state, table.at(at), (1,))[0].status) == status.BAD_MODEL


@pytest.mark.parametrize(("n", "precision"), [(2**16, 16), (2**17 + 3, 20), (3, 31)])
def test_large_tables(n, precision):
    weights = np.random.default_rng(0).random(n) ** 4
    cdf = np.append(0, np.floor(np.cumsum(weights) / weights.sum() * 2**precision).astype(np.int64))
    cdf[-1] = 2**precision
    table = models.Table(cdf[None], precision=precision).prepare("alias")
    symbols = table.locate(np.random.default_rng(1).integers(0, 2**precision, 999).astype(np.uint32))
    state = rans.push(rans.init(999, 4), table, symbols)
    rest, again = rans.pop(state, table, (999,))
    assert cases.same(again, symbols)
    assert rans.is_empty(jans.check(rest))


def test_refused_tables():
    prepare = lambda precision: lambda cdf: models.Table(cdf, precision=precision).prepare("alias")
    with pytest.raises(ValueError, match="alias tables are for at most 31 bits of precision and 16777216 symbols, got"):
        jax.eval_shape(prepare(32), jax.ShapeDtypeStruct((1, 3), jnp.uint32))
    with pytest.raises(ValueError, match=r"alias tables are for at most .* got 25 bits and 16777217 symbols"):
        jax.eval_shape(prepare(25), jax.ShapeDtypeStruct((1, 2**24 + 2), jnp.uint32))


SHAPES = [("rans64", 1), ("rans64_ryg", 4), ("rans32_16", 32), ("rans32", 3), ("rans64", 8), ("rans32_16", 1)]


@pytest.mark.parametrize(("variant", "lanes"), cases.sample(cases.thin(SHAPES, 3)))
def test_values_outside_of_the_alphabet(variant, lanes):
    cdf = np.array([[0, 20, 40, 63, 64, 64], [0, 1, 2, 3, 4, 64]])
    values = jnp.array([0, -5, 1, 2**31 - 1, 2, 7, 0, -(2**31), 1, 1] * 4)
    index = jnp.array([0, 1, 1, 0, -1, 0, 1, 1, 0, 0] * 4)
    model, usual = (
        models.Bypass(
            models.Table(cdf, precision=6).prepare(lookup).at(index),
            sizes=np.array([3, 4]),
            offset=np.array([-1, 0]),
        )
        for lookup in ("alias", "guide")
    )
    empty = rans.init(300, lanes, variant)
    state, other = (jans.check(rans.push(empty, each, values)) for each in (model, usual))
    rest, again = rans.pop(state, model)
    assert cases.same(again, jnp.where(index == -1, 0, values))
    assert rans.is_empty(jans.check(rest))
    assert cases.content(state) != cases.content(other)
    assert cases.same(model.bits(values), usual.bits(values))


def test_a_widened_table():
    model = models.escape(models.Table(np.array([[0, 20, 40, 64]]), precision=6).prepare("alias"))
    values = jnp.array([0, 1, 2, 3, 500, 2])
    jans.check_codec(rans.codec(model, (6,)), rans.random(jax.random.key(2), 9, 60), values)
