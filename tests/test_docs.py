"""Every example that is written down runs: docstrings, README and docs."""

import doctest
import importlib
import json
import pkgutil
import re

import pages
import pytest
from places import ROOT

import jans

MODULES = ["jans", *(m.name for m in pkgutil.walk_packages(jans.__path__, "jans.") if ".lib" not in m.name)]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODED = ["rans", "chain", "range_coder", "tans", "huffman", "models", "quantize", "chunked", "byte_strings", "status"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert failed == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    pages.run(path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    pages.run_notebook(path)


def test_notebooks_are_small_and_whole():
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        book = json.loads(path.read_text())
        assert book["nbformat"] == 4
        assert path.stat().st_size < 300_000
        links = re.findall(r"\]\((?!https?:)([^)#]+)", "".join("".join(cell["source"]) for cell in book["cells"]))
        assert links
        assert all((path.parent / link).exists() for link in links), path


def test_what_a_page_prints_is_compared(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1, 2)\n```\n\n```text\n1 ...\n```\n")
    pages.run(page)
    page.write_text("```python\nprint(1, 2)\n```\n\n```text\n1 3\n```\n")
    with pytest.raises(AssertionError, match=r"page.md says that it prints\n1 3\n\nbut it prints\n1 2"):
        pages.run(page)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "pages.md").read_text()
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").as_posix()
        assert name == "pages.md" or f"]({name})" in index, name


def test_every_public_name_has_an_example():
    for module in (jans, *(getattr(jans, name) for name in CODED)):
        for name in module.__all__:
            found = getattr(module, name)
            if callable(found):
                assert ">>>" in (found.__doc__ or ""), f"{module.__name__}.{name}"


def test_docstrings_are_found():
    finder = doctest.DocTestFinder()
    found = {name: sum(bool(t.examples) for t in finder.find(importlib.import_module(name))) for name in MODULES}
    assert found["jans.coders.rans"] == 5
    assert found["jans.models.categorical"] == 2
