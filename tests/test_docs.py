"""Every example that is written down runs: docstrings, README and docs."""

import doctest
import importlib
import pkgutil
import re

import pages
import pytest
from places import ROOT

import jans

MODULES = ["jans", *(m.name for m in pkgutil.walk_packages(jans.__path__, "jans.") if ".lib" not in m.name)]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert failed == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    pages.run(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_docstrings_are_found():
    finder = doctest.DocTestFinder()
    found = {name: sum(bool(t.examples) for t in finder.find(importlib.import_module(name))) for name in MODULES}
    assert found["jans.coders.rans"] == 1
    assert found["jans.models.categorical"] == 2
