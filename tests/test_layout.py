"""The architecture, as far as a program can see it."""

import ast
import inspect
import pathlib
import re
import sys

import pytest
from places import ROOT

import jans
import jans.codecs

PACKAGE = ROOT / "jans"

# Each room may import from those before it, and from files of its own.
ROOMS = [
    "_version",
    "_checks",
    "_inputs",
    "_variants",
    "status",
    "isolation",
    "exact",
    "reference",
    "ffi",
    "quantize",
    "codecs",
    "models",
    "coders",
    "formats",
    "archive",
    "recipes",
    "compat",
    "plugins",
    "__init__",
    "__main__",
]
# Those that stand side by side: coders and models meet in integers, codecs know neither.
STRANGERS = {
    "codecs": {"isolation", "reference", "ffi", "quantize"},
    "models": {"codecs"},
    "coders": {"models", "quantize"},
    "recipes": {"formats"},
}
ALLOWED = {"jax", "jaxlib", "numpy"}
OWN = {"plugins/numcodecs.py": "numcodecs", "plugins/orbax.py": "orbax", "plugins/zarr.py": "zarr"}
"""What a file may import because it is a plugin of that."""

FILES = sorted(PACKAGE.rglob("*.py"))
of_each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def room(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: pathlib.Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@of_each_file
def test_imports_point_down(path):
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "jans" or len(parts) < 2:
            continue
        assert ROOMS.index(parts[1]) <= ROOMS.index(own), f"{own} imports {name}"
        assert parts[1] not in STRANGERS.get(own, set()), f"{own} must not know {name}"


def test_no_file_imports_in_a_circle():
    """Within a room as well: an order of all files exists, each behind those that it imports."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    needs = {}
    for name, path in names.items():
        wanted = {i if i in names else i.rpartition(".")[0] for i in imports(path) if i.startswith("jans.")}
        needs[name] = {i for i in wanted if i in names} - {name}
        if path.name == "__init__.py":
            needs[name] -= {"jans"}
    while needs:
        free = {name for name, wanted in needs.items() if not wanted}
        assert free, f"circle among {sorted(needs)}"
        needs = {name: wanted - free for name, wanted in needs.items() if name not in free}


@of_each_file
def test_nothing_but_jax_and_numpy_is_imported(path):
    for name in imports(path):
        top = name.split(".")[0]
        assert top in ALLOWED | {"jans", OWN.get(str(path.relative_to(PACKAGE)))} or top in sys.stdlib_module_names, (
            f"{path} imports {name}"
        )


def test_kernels_need_the_standard_library_alone():
    """Nothing that is of one operating system: `pthread.h` is POSIX, and the registers are of processors."""
    allowed = {"Python.h", "pthread.h", "immintrin.h", "arm_neon.h", "cuda_runtime.h", "cuda_runtime_api.h"}
    for path in (ROOT / "csrc").rglob("*"):
        if path.suffix in (".h", ".cc", ".cu"):
            found = re.findall(r"#include <([^>]+)>", path.read_text())
            assert not [name for name in found if "." in name and name not in allowed], path


def test_the_package_itself_defines_nothing_but_what_is_public():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert all(isinstance(node, ast.ImportFrom | ast.Expr | ast.Assign | ast.FunctionDef) for node in tree.body)
    defined = [node for node in tree.body if isinstance(node, ast.Assign | ast.FunctionDef)]
    assert [ast.unparse(node).split()[0] for node in defined] == ["__all__", "def"]


PUBLIC = [
    jans,
    *(value for name in jans.__all__ if inspect.ismodule(value := getattr(jans, name))),
    jans.codecs,
]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_public_modules_show_what_is_public_and_nothing_else(module):
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value) or inspect.ismodule(value):
            assert value.__doc__, f"{module.__name__}.{name} is not documented"


def test_files_are_short():
    sources = [*FILES, *(p for p in (ROOT / "csrc").rglob("*") if p.suffix in {".h", ".cc", ".cu", ".inc"})]
    sources.remove(ROOT / "csrc" / "core" / "tables.inc")  # which a program writes
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := len(p.read_text().splitlines())) > 550}
    assert not long
