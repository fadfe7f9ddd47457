"""The package. Goal: what is installed is compiled, versioned, and imports only what its layer may.

Method: facts about the installed distribution, and the imports of every module read from its source.
"""

import ast
import re
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import fastpath

ROOT = Path(__file__).resolve().parents[1]


def imported_by(path: Path) -> set[str]:
    """The top-level packages that a module imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_fast_path_is_compiled():
    assert fastpath.COMPILED, (
        "fastpath/kernels.py runs as plain Python: a C compiler was missing or the build is stale; "
        "run `make test`, or `pip install -e .`"
    )


def test_the_compiled_modules_are_those_of_this_tree():
    from fastpath import columns, kernels

    assert Path(kernels.__file__).parent == Path(columns.__file__).parent
    assert Path(kernels.__file__).suffix in (".so", ".pyd")


def test_the_installed_version_is_the_one_in_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert version("marginspec") == project["version"]


def test_there_is_one_command():
    commands = [point for point in entry_points(group="console_scripts") if point.name == "marginspec"]
    assert [point.value for point in commands] == ["marginspec.cli:main"]


@pytest.mark.parametrize("path", sorted((ROOT / "refmodel").rglob("*.py")), ids=lambda path: path.name)
def test_the_law_imports_the_standard_library_and_itself_only(path):
    assert imported_by(path) <= sys.stdlib_module_names | {"refmodel"}


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "fastpath").rglob("*.py") if path.name != "_build.py"),
    ids=lambda path: path.name,
)
def test_the_fast_path_never_imports_the_law(path):
    assert imported_by(path) <= sys.stdlib_module_names | {"fastpath", "numpy", "cython"}


def test_the_compiled_loop_never_imports_the_law():
    source = (ROOT / "fastpath" / "evaluate.pyx").read_text()
    imports = re.findall(r"^\s*(?:from|import|cimport)\s+(\w+)", source, flags=re.MULTILINE)
    assert set(imports) <= {"fastpath", "numpy", "concurrent"}


def test_no_package_source_names_a_registry():
    text = (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()
    assert not re.search(r"https?://|--index-url|--find-links", text)
