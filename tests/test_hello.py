"""`python -m jans`, and what the package says of itself."""

import importlib.metadata
import lzma
import re
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from places import ROOT

import jans
import jans.__main__ as hello

PHOTOGRAPH = np.load(hello.PHOTOGRAPH)


def test_every_model_decodes_and_better_models_take_fewer_bytes():
    program = [sys.executable, "-P", "-W", "error", "-m", "jans"]
    lines = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].startswith(f"jans {jans.__version__}, jax ")
    assert re.fullmatch(r"\d+ kernels on the CPU.*, with \w+ registers", lines[1])
    counts = [int(line[50:].split()[0]) for line in lines[4:10]]
    assert counts[2] == len(lzma.compress(PHOTOGRAPH.tobytes()))
    assert counts[3] > counts[4] > counts[5]
    assert counts[5] < min(counts[:3])


def test_a_photograph_that_does_not_come_back_is_an_error(monkeypatch):
    monkeypatch.setattr(jans, "from_bytes", lambda data: jans.rans.init(capacity=9))
    with pytest.raises(AssertionError, match="the decoded photograph is another one"):
        hello.jans_bytes(PHOTOGRAPH[:8], hello.between)


def test_the_width_follows_the_pixels_around():
    flat = [jnp.full(3, 7.0)] * 5
    assert hello.between_with_width(*flat)[1].tolist() == [0.25] * 3
    assert hello.between_with_width(flat[0] + 8, *flat[1:])[1].tolist() == [2.25] * 3


def test_the_version_stands_once():
    try:
        assert importlib.metadata.version("jans") == jans.__version__
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("jans runs from its sources, and is not installed")
    assert (ROOT / "CHANGELOG.md").read_text().splitlines()[2].startswith(f"## {jans.__version__}")
