"""Command lines and weights of the examples: what users get who give the wrong thing."""

import importlib
import sys

import numpy as np
import pytest
from places import EXAMPLES
from PIL import Image


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


@pytest.fixture
def saved(load, tmp_path):
    """Weights of a network of photographs that has learnt nothing."""
    codec, network = load("lossless_codec"), load("lossless_net")
    codec.save(tmp_path / "weights.npz", network.Lossless(network.Config(12, 8, 8), network.nnx.Rngs(0)))
    return tmp_path / "weights.npz"


def run(load, monkeypatch, program, *arguments):
    monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
    load(program).main()


def test_photographs_are_never_written_over(load, saved, tmp_path, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    for kind in ("png", "bmp"):
        Image.fromarray(image).save(tmp_path / f"photo.{kind}")
        image = image[::-1]
    before = (tmp_path / "photo.png").read_bytes()
    out = tmp_path / "new" / "folder"
    names = [tmp_path / "photo.png", tmp_path / "photo.bmp"]
    run(load, monkeypatch, "lossless", "encode", "--weights", saved, *names)
    run(load, monkeypatch, "lossless", "decode", "--weights", saved, tmp_path / "photo.png.jans")
    run(load, monkeypatch, "lossless", "decode", "--weights", saved, "--out", out, tmp_path / "photo.bmp.jans")
    assert (tmp_path / "photo.png").read_bytes() == before
    for name, decoded in zip(names, [tmp_path / "photo.png.decoded.png", out / "photo.bmp.decoded.png"], strict=True):
        with Image.open(name) as wanted, Image.open(decoded) as found:
            assert (np.asarray(found) == np.asarray(wanted)).all()


def test_what_cannot_be_done_is_said_in_a_sentence(load, saved, tmp_path, monkeypatch, capsys):
    (tmp_path / "text.jans").write_bytes(b"no photograph")
    Image.new("RGBA", (4, 4)).save(tmp_path / "clear.png")
    for arguments, message in (
        (["encode", "--weights", saved, tmp_path / "nothing.png"], "No such file.*nothing.png"),
        (["encode", "--weights", saved, tmp_path / "text.jans"], "cannot identify image file"),
        (["encode", "--weights", saved, tmp_path / "clear.png"], "of mode RGBA. Convert it first"),
        (["decode", "--weights", saved, tmp_path / "text.jans"], "header|jans"),
        (["decode", "--weights", tmp_path / "none.npz", tmp_path / "text.jans"], "No such file.*none.npz"),
        (["decode", "--weights", tmp_path / "text.jans", saved], "Wanted weights that this version"),
    ):
        with pytest.raises(SystemExit, match=message):
            run(load, monkeypatch, "lossless", *arguments)
    with pytest.raises(SystemExit):
        run(load, monkeypatch, "lossless", "decode", "--weights", saved)
    assert "decode needs --weights and the names of files" in capsys.readouterr().err


def test_weights_of_other_programs_and_damaged_ones_are_refused(load, saved, tmp_path):
    codec, others = load("lossless_codec"), (load("hyperprior_codec"), load("language_codec"), load("training"))
    refused = (
        "Wanted weights that this version of the program has saved, but .* holds others or is damaged. Give another"
    )
    for program in others:
        with pytest.raises(ValueError, match=refused):
            program.load(saved)
    whole = saved.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], whole[:900] + bytes(40) + whole[940:]):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match=refused):
            codec.load(tmp_path / "damaged.npz")
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("arrays.npz", "array.npy"):
        with pytest.raises(ValueError, match=refused):
            codec.load(tmp_path / name)
