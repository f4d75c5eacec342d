"""The constant tables of the fixed-point distribution functions, and the grid of the standard normal.

All values are rounded results of functions of the standard library. `tests/test_tables.py` shows that no
value is close enough to a rounding boundary for the last bits of a math library to matter.

    python -m jans.reference.tables > csrc/core/tables.inc
"""

import decimal
import functools
import math
import statistics

import numpy as np

NORMAL_STEPS, NORMAL_LIMIT = 256, 8
LOGISTIC_STEPS, LOGISTIC_LIMIT = 64, 24
EXP2_STEPS = 256
LOG2E30 = round(math.log2(math.e) * 2**30)
GRID_BITS = 14
QUANTILE_ROWS, QUANTILE_STEPS = 32, 16
ERF_STEPS, ERF_LIMIT = 32, 6
ERF_NODES = 128
GUESS_BITS = 10


def normal_values() -> list[float]:
    """2**31 * Phi(-i / 256), before rounding."""
    return [2**30 * math.erfc(i / NORMAL_STEPS / math.sqrt(2)) for i in range(NORMAL_STEPS * NORMAL_LIMIT + 1)]


def logistic_values() -> list[float]:
    """2**31 / (1 + exp(i / 64)), before rounding."""
    return [2**31 / (1 + math.exp(i / LOGISTIC_STEPS)) for i in range(LOGISTIC_STEPS * LOGISTIC_LIMIT + 1)]


def exp2_values() -> list[float]:
    """2**30 * 2**(-i / 256), before rounding."""
    return [2.0 ** (30 - i / EXP2_STEPS) for i in range(EXP2_STEPS + 1)]


def grid_values() -> list[float]:
    """2**16 times the quantiles i / 2**GRID_BITS of the standard normal, i = 1 .. 2**GRID_BITS - 1,
    before rounding."""
    normal = statistics.NormalDist()
    return [2**16 * normal.inv_cdf(i / 2**GRID_BITS) for i in range(1, 2**GRID_BITS)]


def _table(values: list[float]) -> np.ndarray:
    """Rounded values, with the last entry twice, because interpolation reads one entry past its position."""
    rounded = [round(v) for v in values]
    return np.array([*rounded, rounded[-1]], np.uint32)


@functools.cache
def normal_table() -> np.ndarray:
    """uint32 [2050], falling from 2**30."""
    return _table(normal_values())


@functools.cache
def logistic_table() -> np.ndarray:
    """uint32 [1538], falling from 2**30."""
    return _table(logistic_values())


@functools.cache
def exp2_table() -> np.ndarray:
    """uint32 [258], falling from 2**30 to 2**29."""
    return _table(exp2_values())


@functools.cache
def normal_quantiles() -> np.ndarray:
    """float32 [32, 17]: quantiles of the standard normal at (1 + m / 16) / 2**(row + 2).

    They only start a search, so any values would be correct.
    """
    normal = statistics.NormalDist()
    knots = [
        [(1 + m / QUANTILE_STEPS) / 2 ** (row + 2) for m in range(QUANTILE_STEPS + 1)] for row in range(QUANTILE_ROWS)
    ]
    return np.array([[round(normal.inv_cdf(u), 4) for u in row] for row in knots], np.float32)


def _erf_rows(steps: int, terms: int) -> np.ndarray:
    """Coefficients of the Taylor series of erf at i / steps, constant term first."""
    rows = []
    with decimal.localcontext(prec=80):
        pi = decimal.Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899863")
        for i in range(steps * ERF_LIMIT + 1):
            c = decimal.Decimal(i) / steps
            slope = 2 / pi.sqrt() * (-c * c).exp()
            # erf(c) is the sum of slope 2^n c^(2n + 1) / (2n + 1)!!, all positive.
            total = term = slope * c
            n = 0
            while term > decimal.Decimal("1e-40"):
                n += 1
                term = term * 2 * c * c / (2 * n + 1)
                total += term
            # The derivatives of exp(-c^2) are Hermite polynomials: H_{n+1} = 2c H_n - 2n H_{n-1}.
            row, older, newer, factorial = [total], decimal.Decimal(0), decimal.Decimal(1), 1
            for n in range(1, terms):
                factorial *= n
                row.append(slope * newer * (-1) ** (n - 1) / factorial)
                older, newer = newer, 2 * c * newer - 2 * (n - 1) * older
            rows.append([float(a) for a in row])
    return np.array(rows)


@functools.cache
def erf_series() -> np.ndarray:
    """float64 [193, 8]: the Taylor series of erf at i / 32."""
    return _erf_rows(ERF_STEPS, 8)


@functools.cache
def erf_nodes() -> np.ndarray:
    """float64 [769, 2]: erf and its derivative at i / 128."""
    return _erf_rows(ERF_NODES, 2)


@functools.cache
def normal_guesses() -> np.ndarray:
    """float64 [1024, 2]: a + b (1 + f) is about the quantile
    of the standard normal at (i + f) / 1024, 0 <= f < 1."""
    knots = normal_grid()[:: 2 ** (GRID_BITS - GUESS_BITS)].astype(np.float64)
    knots[[0, -1]] = 2 * knots[[1, -2]] - knots[[2, -3]]
    slopes = np.diff(knots)
    return np.stack([knots[:-1] - slopes, slopes], axis=-1)


@functools.cache
def normal_grid() -> np.ndarray:
    """float32 [2**GRID_BITS + 1]: quantiles of the standard normal as multiples of 2**-16,
    infinite at both ends."""
    inner = np.array([round(v) for v in grid_values()], np.float64) / 2**16
    return np.concatenate([[-np.inf], inner, [np.inf]]).astype(np.float32)


def header() -> str:
    """The text of csrc/core/tables.inc."""
    lines = ["// Written by `python -m jans.reference.tables`; do not edit."]
    constants = (
        ("float", "kNormalSteps", f"{NORMAL_STEPS}.0f"),
        ("float", "kNormalLimit", f"{NORMAL_LIMIT}.0f"),
        ("float", "kLogisticSteps", f"{LOGISTIC_STEPS}.0f"),
        ("float", "kLogisticLimit", f"{LOGISTIC_LIMIT}.0f"),
        ("uint64_t", "kLog2E30", f"{LOG2E30}u"),
        ("int", "kNormalQuantileRows", str(QUANTILE_ROWS)),
        ("int", "kGuessBits", str(GUESS_BITS)),
        ("double", "kErfSteps", f"{ERF_STEPS}.0"),
        ("double", "kErfPairSteps", f"{ERF_NODES}.0"),
        ("double", "kErfLimit", f"{ERF_LIMIT}.0"),
    )
    lines += [f"static constexpr {kind} {name} = {value};" for kind, name, value in constants]
    tables = (
        ("uint32_t", "kNormalTable", [f"{int(v)}u," for v in normal_table()]),
        ("uint32_t", "kLogisticTable", [f"{int(v)}u," for v in logistic_table()]),
        ("uint32_t", "kExp2Table", [f"{int(v)}u," for v in exp2_table()]),
        ("double", "kErfSeries", [f"{float(v)!r}," for v in erf_series().reshape(-1)]),
        ("double", "kErfPairs", [f"{float(v)!r}," for v in erf_nodes().reshape(-1)]),
        ("double", "kNormalGuesses", [f"{float(v)!r}," for v in normal_guesses().reshape(-1)]),
        ("float", "kNormalQuantiles", [f"{v:.4f}f," for v in normal_quantiles().reshape(-1)]),
    )
    for kind, name, words in tables:
        lines.append(f"alignas(64) JANS_TABLE {kind} {name}[{len(words)}] = {{")
        lines += ["    " + " ".join(words[i : i + 10]) for i in range(0, len(words), 10)]
        lines.append("};")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(header(), end="")
