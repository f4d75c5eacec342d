"""The architecture, as far as a program can see it."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "jans"

# Each layer may import those before it, and files of its own.
LAYERS = [
    "status",
    "shapes",
    "isolation",
    "reference",
    "ffi",
    "quantize",
    "models",
    "codecs",
    "state",
    "words",
    "agreement",
    "parts",
    "steps",
    "rans",
    "chain",
    "range_coder",
    "bits",
    "huffman",
    "tans",
    "wire",
    "accounting",
    "multisets",
    "coupled",
    "streams",
    "byte_strings",
    "chunked",
    "table_coder",
    "compat",
    "__init__",
]
# What knows nothing of the others: codecs know no coder and no model, coders no models.
STRANGERS = {
    "codecs": {"status", "shapes", "reference", "ffi", "quantize", "models"},
    "state": {"models", "quantize", "codecs"},
    "words": {"models", "quantize", "codecs"},
    "agreement": {"models", "quantize", "words"},
    "parts": {"models", "quantize", "codecs", "state", "words"},
    "steps": {"models", "quantize", "codecs", "state", "words", "parts"},
    "rans": {"models", "quantize"},
    "chain": {"models", "quantize", "words", "rans"},
    "range_coder": {"models", "quantize", "codecs", "words", "rans", "chain"},
    "bits": {"models", "quantize", "codecs", "words", "parts", "rans", "chain"},
    "huffman": {"models", "quantize", "words", "parts", "rans", "chain"},
    "tans": {"models", "quantize", "words", "parts", "steps", "rans", "chain", "range_coder", "bits", "huffman"},
    "models": {"codecs"},
}
ALLOWED = {"jax", "jaxlib", "numpy"}

FILES = sorted(PACKAGE.rglob("*.py"))


def layer(path: pathlib.Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports(path: pathlib.Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = layer(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "jans" or len(parts) < 2:
            continue
        assert LAYERS.index(parts[1]) <= LAYERS.index(own), f"{own} imports {name}"
        assert parts[1] not in STRANGERS.get(own, set()), f"{own} must not know {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_but_jax_and_numpy_is_imported(path):
    import sys

    for name in imports(path):
        top = name.split(".")[0]
        assert top in ALLOWED | {"jans"} or top in sys.stdlib_module_names, f"{path} imports {name}"


def test_the_package_itself_defines_nothing():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert all(isinstance(node, ast.ImportFrom | ast.Expr) for node in tree.body)


def test_files_are_short():
    sources = [*FILES, *(p for p in (ROOT / "csrc").rglob("*") if p.suffix in {".h", ".cc", ".cu"})]
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := len(p.read_text().splitlines())) > 550}
    assert not long
