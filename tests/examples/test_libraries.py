"""One VAE in four libraries of networks: each compresses held-out digits to what its ELBO promises."""

import importlib

import pytest
from places import EXAMPLES

LIBRARIES = EXAMPLES / "libraries"


@pytest.mark.parametrize("name", [path.stem for path in sorted(LIBRARIES.glob("*_vae.py"))])
def test_digits_cost_what_the_elbo_says(name, monkeypatch):
    monkeypatch.syspath_prepend(LIBRARIES)
    digits, example = importlib.import_module("digits"), importlib.import_module(name)
    result = digits.run(*example.build())
    assert result.images.shape == (300, 64)
    assert (result.decoded == result.images).all()
    assert result.rate == pytest.approx(result.neg_elbo, rel=0.01)
    assert result.rate == pytest.approx(2.13, rel=0.03)  # whatever the library
