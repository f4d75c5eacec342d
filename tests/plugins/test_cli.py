"""The command `jans`."""

import io
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import jans
from jans.plugins import cli, files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of every kind."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(300, 40)).astype(np.float32))
    np.savez("b.npz", x=rng.normal(size=100), y=np.arange(500))
    weights = {"w": rng.normal(size=(50, 70)).astype(ml_dtypes.bfloat16), "ids": np.arange(200)}
    (tmp_path / "c.safetensors").write_bytes(files.save_safetensors({"__metadata__": {"format": "pt"}, **weights}))
    (tmp_path / "d.txt").write_text("hello world\n" * 200)
    return tmp_path


NAMES = ("a.npy", "b.npz", "c.safetensors", "d.txt")


@pytest.mark.parametrize("level", ["fast", "small"])
def test_files_come_back(folder, level, capsys):
    before = {name: (folder / name).read_bytes() for name in NAMES}
    assert cli.main(["pack", "--level", level, *NAMES]) == 0
    shown = capsys.readouterr().err
    assert all(f"{name}: {len(data)} -> " in shown for name, data in before.items())
    for name in NAMES:
        os.remove(name)
    assert cli.main(["unpack", *(name + ".jans" for name in NAMES)]) == 0
    for name, data in before.items():
        again = (folder / name).read_bytes()
        if name.endswith(".npz"):  # the times in a zip file differ
            old, new = np.load(io.BytesIO(data)), np.load(io.BytesIO(again))
            assert all((old[key] == new[key]).all() for key in "xy")
        else:
            assert again == data
    assert sorted(p.name for p in folder.iterdir()) == sorted([*NAMES, *(name + ".jans" for name in NAMES)])


def test_nothing_is_overwritten_without_force(folder, capsys):
    (folder / "a.npy.jans").write_text("mine")
    assert cli.main(["pack", "a.npy", "b.npz"]) == 1
    assert "jans: a.npy: a.npy.jans exists. Use --force to overwrite it." in capsys.readouterr().err
    assert (folder / "a.npy.jans").read_text() == "mine"
    assert (folder / "b.npz.jans").exists()
    assert cli.main(["pack", "--force", "-q", "a.npy"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["unpack", "a.npy.jans"]) == 1
    assert cli.main(["unpack", "-f", "a.npy.jans"]) == 0
    assert not list(folder.glob("*.part"))


def test_base(folder):
    array = np.load("a.npy")
    np.save("later.npy", array * np.float32(1.001))
    assert cli.main(["pack", "later.npy", "--base", "a.npy"]) == 0
    cli.main(["pack", "a.npy"])
    assert os.path.getsize("later.npy.jans") < 0.8 * os.path.getsize("a.npy.jans")
    for base in ("a.npy", "a.npy.jans"):
        assert cli.main(["unpack", "-f", "later.npy.jans", "-o", "again.npy", "--base", base]) == 0
        assert (np.load("again.npy") == np.load("later.npy")).all()
    assert cli.main(["unpack", "later.npy.jans", "-o", "none.npy"]) == 1
    assert not os.path.exists("none.npy")


def test_info(folder, capsys):
    cli.main(["pack", "-q", "c.safetensors"])
    assert cli.main(["info", "c.safetensors.jans"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["array", "dtype", "shape", "bytes", "packed", "share", "bits", "each"]
    leaf = jans.open("c.safetensors.jans")["w"]
    (line,) = (line for line in lines if line.startswith("w "))
    assert line.split()[1:] == [
        "bfloat16", "[50,", "70]", "7000", str(leaf.stored), f"{leaf.stored / 7000:.2%}", f"{leaf.stored / 437.5:.2f}",
    ]  # fmt: skip
    assert lines[1].startswith("__metadata__/format  'pt'")
    assert lines[-1].startswith("all ")


def test_bench(folder, capsys):
    assert cli.main(["bench", "c.safetensors", "a.npy"]) == 0
    shown = capsys.readouterr().out
    assert "c.safetensors: 2 of 2 arrays, 8600 bytes" in shown
    for method in ("jans, fast", "jans, small", "zlib, level 6", "lzma, preset 1", "zstd, level 3"):
        assert shown.count(method) == 2
    cli.main(["pack", "-q", "a.npy"])
    assert cli.main(["bench", "a.npy.jans"]) == 0


def run(arguments, **options):
    return subprocess.run([sys.executable, "-m", "jans.plugins.cli", *arguments], capture_output=True, **options)


def test_streams(folder):
    data = (folder / "a.npy").read_bytes()
    packed = run(["pack", "-"], input=data)
    assert packed.returncode == 0
    assert packed.stderr.decode().startswith(f"-: {len(data)} -> {len(packed.stdout)} bytes")
    assert run(["unpack", "-"], input=packed.stdout).stdout == data
    assert b"float32" in run(["info", "-"], input=packed.stdout).stdout
    assert run(["pack", "-q", "a.npy", "-o", "-"]).stdout == packed.stdout
    assert run(["unpack", "-", "--format", "raw"], input=packed.stdout).stdout == data[128:]


def test_what_a_reader_closes(folder):
    with subprocess.Popen(
        [sys.executable, "-m", "jans.plugins.cli", "pack", "-q", "a.npy", "b.npz", "-o", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.close()
        assert process.wait() == 1
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pack", "missing"], 1, "jans: missing: No such file or directory"),
        (["unpack", "a.npy"], 1, "jans: a.npy: the name does not end with .jans. Say where to write with -o."),
        (["unpack", "d.txt.jans"], 1, "jans: d.txt.jans: these bytes are not from jans.pack"),
        (["unpack", "a.npy", "-o", "x"], 1, "jans: a.npy: these bytes are not from jans.pack"),
        (["info", "d.txt"], 1, "jans: d.txt: these bytes are not from jans.pack"),
        (["pack", "a.npy", "d.txt", "-o", "x"], 1, "jans: a.npy: -o is for a single FILE."),
        (["pack", "d.txt", "--format", "npy"], 1, "jans: d.txt: this npy file cannot be read"),
        (["unpack", "large.jans", "--limit", "9"], 1, "more than the limit of 9. Pass limit="),
        (["unpack", "large.jans", "-o", "x.npz"], 1, "jans: large.jans: "),
        (["pack"], 2, "required: FILE"),
        (["pack", "--level", "best", "a.npy"], 2, "invalid choice: 'best'"),
        ([], 2, "required: COMMAND"),
    ],
)
def test_errors(folder, arguments, code, message, capsys):
    (folder / "d.txt.jans").write_text("hello")
    (folder / "large.jans").write_bytes(jans.pack([np.zeros(10**6, ml_dtypes.bfloat16)]))
    try:
        found = cli.main(arguments)
    except SystemExit as exit_of_argparse:
        found = exit_of_argparse.code
    assert found == code
    assert message in capsys.readouterr().err


def test_help_and_version(capsys):
    for arguments, text in ((["--version"], f"jans {jans.__version__}"), (["--help"], "jans pack model.safetensors")):
        with pytest.raises(SystemExit) as outcome:
            cli.main(arguments)
        assert outcome.value.code == 0
        assert text in capsys.readouterr().out


def test_progress(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with cli._Progress(100, quiet=False) as progress:
        progress.add(50)
        assert "[###############...............]  50%" in capsys.readouterr().err
        progress.add(70)
        assert "100%" in capsys.readouterr().err
    with cli._Progress(100, quiet=True) as progress:
        progress.add(50)
    assert capsys.readouterr().err.strip() == ""
