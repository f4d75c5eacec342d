"""Functions that the benchmarks share for measuring and reporting."""

import os
import pathlib
import platform
import re
import statistics
import time
from collections.abc import Callable

FLAGS = "--xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"

import jax  # noqa: E402
import numpy as np  # noqa: E402


def interleaved(calls: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median seconds of each call; the calls take turns after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for repetition in range(repetitions + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            jax.block_until_ready(call())
            if repetition:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


CALLS = 300
"""The number of calls of one measurement of `microseconds`."""


def microseconds(calls: dict[str, Callable[[], object]], repetitions: int) -> list[tuple[str, ...]]:
    """Short calls side by side: microseconds of "name|peer" and "name|jans", and their ratio."""

    def often(call):
        def many():
            for _ in range(CALLS):
                call()

        return many

    seconds = interleaved({name: often(call) for name, call in calls.items()}, repetitions)
    rows = []
    for name in dict.fromkeys(call.split("|")[0] for call in calls):
        peer, mine = (1e6 * seconds[f"{name}|{label}"] / CALLS for label in ("peer", "jans"))
        rows.append((name, f"{peer:.3g}", f"{mine:.3g}", f"{mine / peer:.2g}"))
    return rows


def laplace(n: int, width: float) -> np.ndarray:
    p = np.exp(-np.abs(np.arange(n) - n // 2) / width)
    return (p / p.sum()).astype(np.float32)


def rates_of(rates: dict[str, float], name: str) -> tuple[str, str]:
    """Rates of encoding and decoding, in Msym/s."""
    return f"{rates[f'{name} encode']:.0f}", f"{rates[f'{name} decode']:.0f}"


def ratios_of(rates: dict[str, float], name: str, peer: str) -> tuple[str, str]:
    """Rates of encoding and decoding, divided by those of another coder."""
    return tuple(f"{rates[f'{name} {way}'] / rates[f'{peer} {way}']:.2f}" for way in ("encode", "decode"))


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def processor() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    name = names[0].split(":", 1)[1].strip() if names else platform.processor() or platform.machine()
    return re.sub(r"\((R|TM)\)", "", name)


def result_file(name: str) -> pathlib.Path:
    """The file for results of this processor."""
    slug = "-".join(re.findall(r"[a-z0-9]+", processor().lower()))
    return pathlib.Path(__file__).parent / "results" / f"{name}-{slug}.md"
