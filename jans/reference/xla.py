"""The kernels in plain JAX: one function per target, for one stream, readable before fast.

They run where no kernel exists and are what the kernels are tested against. All of them expect 64-bit types to be
enabled; `jans.ffi.calls` sees to that, and to batches.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jans.reference import tables
from jans.reference.plain import VARIANTS
from jans.status import BAD_MODEL, BAD_STATE, BAD_SYMBOL, OVERFLOW, UNDERFLOW

VARIANT_LIST = tuple(VARIANTS.values())

u32, u64, i32, i64, f32 = jnp.uint32, jnp.uint64, jnp.int32, jnp.int64, jnp.float32


def _choose(condition, interval, why):
    """The interval where the condition holds; elsewhere freq 0, and start says why."""
    start, freq = interval
    return jnp.where(condition, start, u32(why)), jnp.where(condition, freq, u32(0))


def _open(head, size, status, variant):
    """Heads as uint64 [lanes], a valid size, and the status of a state that no call can have produced."""
    v = VARIANT_LIST[variant]
    heads = head.astype(u64) if v.state_bits == 32 else head[:, 0].astype(u64) | head[:, 1].astype(u64) << u64(32)
    floor = v.name == "rans64" and head.shape[0] == 1
    low = (heads < u64(v.lower)) & ((size > 0) if floor else True)
    high = heads >> u64(v.top_bits - 1) >> u64(1) != 0
    bad = (size < 0) | jnp.any(low | high)
    return heads, jnp.maximum(size, 0).astype(i64), status | jnp.where(bad, i32(BAD_STATE), i32(0)), floor


def _close(heads, tail, size, status, variant):
    full = jnp.where(size > tail.shape[0], i32(OVERFLOW), i32(0))
    size = jnp.minimum(size, 2**31 - 1).astype(i32)
    if VARIANT_LIST[variant].state_bits == 32:
        head = heads.astype(u32)
    else:
        head = jnp.stack([heads.astype(u32), (heads >> u64(32)).astype(u32)], axis=-1)
    return head, size, status | full


def _push(head, tail, size, status, find, n, variant, precision):
    v = VARIANT_LIST[variant]
    heads, size, status, _ = _open(head, size, status, variant)

    def step(k, carry):
        heads, tail, size, status = carry
        i = n - 1 - k
        lane = i % heads.shape[0]
        start, freq = find(i)
        good = freq != 0
        x = heads[lane]
        for _ in range(-(-v.state_bits // v.word_bits)):
            out = good & (x >> u64(v.top_bits - precision) >= freq.astype(u64))
            if tail.size:
                at = jnp.where(out, size, tail.shape[0])
                tail = tail.at[at].set(x.astype(tail.dtype), mode="drop")
            size = size + out
            x = jnp.where(out, x >> u64(v.word_bits), x)
        f = jnp.maximum(freq, 1).astype(u64)
        pushed = (x // f << u64(precision)) + x % f + start.astype(u64)
        heads = heads.at[lane].set(jnp.where(good, pushed, x))
        return heads, tail, size, status | jnp.where(good, u32(0), start).astype(i32)

    if n > 0:  # operands of length 0 cannot be indexed, not even in a loop that does not run
        heads, tail, size, status = lax.fori_loop(0, n, step, (heads, tail, size, status))
    head, size, status = _close(heads, tail, size, status, variant)
    return head, tail, size, status


def _pop(head, tail, size, status, locate, n, variant, precision):
    v = VARIANT_LIST[variant]
    heads, size, status, floor = _open(head, size, status, variant)

    def step(i, carry):
        heads, size, status, symbols = carry
        lane = i % heads.shape[0]
        x = heads[lane]
        q = (x & u64(2**precision - 1)).astype(u32)
        symbol, (start, freq) = locate(i, q)
        good = freq != 0
        y = jnp.where(good, freq.astype(u64) * (x >> u64(precision)) + (q - start).astype(u64), x)
        for _ in range(0, precision, v.word_bits):
            read = good & (y < u64(v.lower)) & ((size > 0) if floor else True)
            empty = read & (size == 0)
            stored = (size > 0) & (size <= tail.shape[0])
            word = jnp.where(stored, tail[jnp.clip(size - 1, 0, max(tail.shape[0] - 1, 0))], 0) if tail.size else 0
            y = jnp.where(read, y << u64(v.word_bits) | jnp.asarray(word, u64), y)
            size = jnp.where(read & ~empty, size - 1, size)
            status = status | jnp.where(empty, i32(UNDERFLOW), i32(0))
        status = status | jnp.where(good, u32(0), start).astype(i32)
        return heads.at[lane].set(y), size, status, symbols.at[i].set(symbol)

    symbols = jnp.zeros(n, i32)
    if n > 0:
        heads, size, status, symbols = lax.fori_loop(0, n, step, (heads, size, status, symbols))
    return *_close(heads, tail, size, status, variant), symbols


# ---- intervals ----


def _checked(start, freq, precision):
    """Intervals that a user made."""
    why = jnp.where((freq == 0) & (start == BAD_SYMBOL), u32(BAD_SYMBOL), u32(BAD_MODEL))
    return _choose((freq != 0) & (start.astype(u64) + freq.astype(u64) <= u64(2**precision)), (start, freq), why)


def rans_push(head, tail, size, status, start, freq, *, variant, precision):
    intervals = _checked(start, freq, precision)
    find = lambda i: (intervals[0][i], intervals[1][i])
    return _push(head, tail, size, status, find, start.shape[0], variant, precision)


def rans_advance(head, tail, size, status, start, freq, *, variant, precision):
    intervals = _checked(start, freq, precision)

    def locate(i, q):
        s, f = intervals[0][i], intervals[1][i]
        return i32(0), _choose((f == 0) | (q - s < f), (s, f), BAD_MODEL)

    return _pop(head, tail, size, status, locate, start.shape[0], variant, precision)[:3]


# ---- rows of cumulative frequencies ----


def _row_interval(row, symbol, precision):
    total = 2**precision
    start, end = row[symbol], row[symbol + 1]
    freq = end - start
    sealed = (row[0] == 0) & (row[-1] == u32(total % 2**32))
    legal = sealed & (start.astype(u64) + freq.astype(u64) <= u64(total))
    return _choose(legal & (freq != 0), (start, freq), jnp.where(legal, u32(BAD_SYMBOL), u32(BAD_MODEL)))


def _row(cdf, index, i):
    at = index[i if index.shape[0] > 1 else 0]
    return cdf[jnp.clip(at, 0, cdf.shape[0] - 1)], (at >= 0) & (at < cdf.shape[0])


def rans_push_rows(head, tail, size, status, symbols, cdf, index, *, variant, precision):
    n = cdf.shape[1] - 1

    def find(i):
        row, valid = _row(cdf, index, i)
        symbol = symbols[i].astype(i32)
        inside = (symbol >= 0) & (symbol < n)
        interval = _row_interval(row, jnp.clip(symbol, 0, n - 1), precision)
        return _choose(valid, _choose(inside, interval, BAD_SYMBOL), BAD_MODEL)

    return _push(head, tail, size, status, find, symbols.shape[0], variant, precision)


def rans_pop_rows(head, tail, size, status, cdf, index, *, variant, precision, n, dtype):
    def locate(i, q):
        row, valid = _row(cdf, index, i)
        low, length = i32(0), row.shape[0] - 1
        while length > 1:
            low = low + jnp.where(row[low + length // 2] <= q, i32(length // 2), i32(0))
            length -= length // 2
        start, freq = _row_interval(row, low, precision)
        found = valid & (freq != 0) & (q - start < freq)
        return jnp.where(found, low, 0), _choose(found, (start, freq), BAD_MODEL)

    *state, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *state, symbols.astype(dtype)


# ---- uniform ----


def rans_pop_uniform(head, tail, size, status, sizes, *, variant, precision, n, dtype):
    total = u64(2**precision)

    def locate(i, q):
        count = sizes[i if sizes.shape[0] > 1 else 0]
        legal = (count >= 1) & (count.astype(u64) <= total)
        count = jnp.where(legal, count, 1).astype(u64)
        width = total // count
        symbol = jnp.minimum(q.astype(u64) // width, count - u64(1))
        start = width * symbol
        freq = jnp.where(symbol == count - u64(1), total - start, width)
        legal = legal & (freq < u64(2**32))
        return jnp.where(legal, symbol.astype(i32), 0), _choose(legal, (start.astype(u32), freq.astype(u32)), BAD_MODEL)

    *state, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *state, symbols.astype(dtype)


# ---- distribution functions in fixed point ----


def _interpolate(table, position):
    table = jnp.asarray(table)
    i, fraction = position >> u32(10), position & u32(1023)
    drop = (table[i] - table[i + 1]).astype(u64)
    return table[i] - (drop * fraction.astype(u64) >> u64(10)).astype(u32)


def _symmetric_cdf(table, z, limit, steps):
    """F(z) in units of 2**-31."""
    t = jnp.abs(z)
    t = jnp.where(t < f32(limit), t, f32(limit))
    below = _interpolate(table, (t * f32(steps * 1024)).astype(u32))
    return jnp.where(z < 0, below, u32(2**31) - below)


def _exp_fixed(x):
    """exp(x) for x <= 0 in units of 2**-30."""
    x = jnp.where(x > f32(-32), x, f32(-32))
    power = (x * f32(-(2**20))).astype(u32).astype(u64) * u64(tables.LOG2E30)
    whole = (power >> u64(50)).astype(u32)
    value = _interpolate(tables.exp2_table(), (power >> u64(32)).astype(u32) & u32(0x3FFFF))
    return jnp.where(whole > 31, u32(0), value >> jnp.minimum(whole, u32(31)))


def _flushed(x):
    """Subnormal numbers count as zero: some machines flush them, and all must agree."""
    return jnp.where(jnp.abs(x) < jnp.finfo(x.dtype).tiny, jnp.zeros_like(x), x)


def _is_finite(x):
    return x - x == 0


def _is_scale(x):
    return (x >= jnp.finfo(f32).tiny) & _is_finite(x)


def _running_sums(values):
    """Sums of the first 0, 1, ..., n values, added left to right."""

    def add(total, value):
        return total + value, total

    total, before = lax.scan(add, jnp.zeros((), values.dtype), values)
    return jnp.concatenate([before, total[None]])


def _leaky(cdf, n, precision, lowest=0):
    """find and locate of F quantised with one count for each of n symbols from the lowest on; cdf(k) is F at edge k in
    units of 2**-32."""

    def left(k):
        inner = (cdf(jnp.clip(k, 1, max(n - 1, 1))) * u64(2**precision - n) >> u64(32)) + k.astype(u64)
        return jnp.where(k <= 0, u64(0), jnp.where(k >= n, u64(2**precision), inner))

    def find(symbol):
        inside = (symbol >= lowest) & (symbol < lowest + n)
        k = jnp.clip(symbol - lowest, 0, n - 1)
        start, end = left(k), left(k + 1)
        interval = _choose(end > start, (start.astype(u32), (end - start).astype(u32)), BAD_MODEL)
        return _choose(inside, interval, BAD_SYMBOL)

    def locate(q):
        def halve(_, bounds):
            low, high = bounds
            middle = low + (high - low) // 2
            below = left(middle) <= q.astype(u64)
            wide = high - low > 1
            return jnp.where(wide & below, middle, low), jnp.where(wide & ~below, middle, high)

        low, high = lax.fori_loop(0, n.bit_length() + 1, halve, (i32(0), i32(n)))
        start = left(low)
        return i32(lowest) + low, (start.astype(u32), (left(high) - start).astype(u32))

    return find, locate


def _gaussian(i, mean, scale, edges, precision):
    i = i if mean.shape[0] > 1 else 0
    m, s = mean[i], scale[i]
    inverse = _flushed(f32(1) / s)

    def cdf(k):
        z = _flushed(_flushed(edges[k]) - _flushed(m)) * inverse
        return _symmetric_cdf(tables.normal_table(), z, tables.NORMAL_LIMIT, tables.NORMAL_STEPS).astype(u64) << u64(1)

    return _is_finite(m) & _is_scale(s), _leaky(cdf, edges.shape[0] - 1, precision)


def _logistic_mixture(i, logits, mean, scale, precision, low, high):
    i = i if logits.shape[0] > 1 else 0
    logit, m, s = logits[i], mean[i], scale[i]
    components, bits = logit.shape[0], 16
    top = jnp.max(logit)
    valid = _is_finite(top) & jnp.all(logit <= top) & jnp.all(_is_finite(m) & _is_scale(s))
    weights = _exp_fixed(logit - top).astype(u64)
    sums = jnp.concatenate([jnp.zeros(1, u64), jnp.cumsum(weights)])
    left = sums * u64(2**bits - components) // jnp.maximum(sums[-1], u64(1)) + jnp.arange(components + 1).astype(u64)
    weights = left[1:] - left[:-1]
    inverse = _flushed(f32(1) / s)

    def cdf(k):
        z = (f32(low - 0.5) + k.astype(f32) - m) * inverse
        f = _symmetric_cdf(tables.logistic_table(), z, tables.LOGISTIC_LIMIT, tables.LOGISTIC_STEPS)
        return jnp.sum(weights * f.astype(u64)) >> u64(bits - 1)

    return valid, _leaky(cdf, high - low + 1, precision, low)


def _find_all(model, symbols):
    def one(i, symbol):
        valid, (find, _) = model(i)
        inside = find(symbol)
        return _choose(valid | (inside[0] == BAD_SYMBOL) & (inside[1] == 0), inside, BAD_MODEL)

    if symbols.shape[0] == 0:
        return symbols.astype(u32), symbols.astype(u32)
    return tuple(jax.vmap(one)(jnp.arange(symbols.shape[0]), symbols))


def _locate_all(model, quantiles):
    def one(i, q):
        valid, (_, locate) = model(i)
        return jnp.where(valid, locate(q)[0], jnp.iinfo(i32).min)

    if quantiles.shape[0] == 0:
        return (quantiles.astype(i32),)
    return (jax.vmap(one)(jnp.arange(quantiles.shape[0]), quantiles),)


def _pop_leaky(head, tail, size, status, model, n, variant, precision, dtype):
    def locate(i, q):
        valid, (_, locate) = model(i)
        symbol, interval = locate(q)
        return jnp.where(valid, symbol, 0), _choose(valid, interval, BAD_MODEL)

    *popped, symbols = _pop(head, tail, size, status, locate, n, variant, precision)
    return *popped, symbols.astype(dtype)


def rans_pop_gaussian(head, tail, size, status, mean, scale, edges, *, variant, precision, n, dtype):
    model = lambda i: _gaussian(i, mean, scale, edges, precision)
    return _pop_leaky(head, tail, size, status, model, n, variant, precision, dtype)


def rans_pop_logistic_mixture(
    head, tail, size, status, logits, mean, scale, *, variant, precision, low, high, n, dtype
):
    model = lambda i: _logistic_mixture(i, logits, mean, scale, precision, low, high)
    return _pop_leaky(head, tail, size, status, model, n, variant, precision, dtype)


def interval_gaussian(symbols, mean, scale, edges, *, precision):
    return _find_all(lambda i: _gaussian(i, mean, scale, edges, precision), symbols)


def interval_logistic_mixture(symbols, logits, mean, scale, *, precision, low, high):
    return _find_all(lambda i: _logistic_mixture(i, logits, mean, scale, precision, low, high), symbols)


def locate_gaussian(quantiles, mean, scale, edges, *, precision):
    return _locate_all(lambda i: _gaussian(i, mean, scale, edges, precision), quantiles)


def locate_logistic_mixture(quantiles, logits, mean, scale, *, precision, low, high):
    return _locate_all(lambda i: _logistic_mixture(i, logits, mean, scale, precision, low, high), quantiles)


# ---- quantisers ----


def _seal(left, valid, precision):
    cdf = jnp.concatenate([left.astype(u32), jnp.full(1, 2**precision % 2**32, u32)])
    return (jnp.where(valid, cdf, u32(0xFFFFFFFF)),)


def quantize_probs(probs, *, precision):
    n, dtype = probs.shape[0], probs.dtype
    tiny = jnp.finfo(dtype).tiny
    mass = 2**precision - n
    top = jnp.asarray(mass, u64).astype(dtype)
    boost = dtype.type(2.0 ** (64 if dtype == f32 else 128))

    def sums(factor):
        return _running_sums(_flushed(_flushed(probs) * factor))

    first = sums(dtype.type(1))
    scale = top / first[-1]
    fits = _is_finite(first[-1]) & _is_finite(scale) & ((mass == 0) | (scale >= tiny))
    second = sums(jnp.where(first[-1] < 1, boost, 1 / boost))
    total = jnp.where(fits, first, second)
    left = total[:-1] * (top / total[-1])
    whole = jnp.where(left < top, left.astype(u64), u64(mass))
    valid = jnp.all((probs >= 0) & _is_finite(probs)) & (total[-1] > 0)
    return _seal(jnp.minimum(whole, u64(mass)) + jnp.arange(n).astype(u64), valid, precision)


def quantize_logits(logits, *, precision):
    n = logits.shape[0]
    top = jnp.max(logits)
    valid = _is_finite(top) & jnp.all(logits <= top)
    sums = jnp.concatenate([jnp.zeros(1, u64), jnp.cumsum(_exp_fixed(logits - top).astype(u64))])
    shift = lax.while_loop(lambda s: sums[-1] >> s >> u64(32) != 0, lambda s: s + u64(1), u64(0))
    sums = sums >> shift
    left = sums[:-1] * u64(2**precision - n) // jnp.maximum(sums[-1], u64(1)) + jnp.arange(n).astype(u64)
    return _seal(left, valid, precision)


def addresses(tail):
    return tail, jnp.zeros(4, u32)
