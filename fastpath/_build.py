"""How the fast path is compiled: read by pyproject.toml, used by no module at run time."""

import os
import shlex
import shutil
from pathlib import Path

from Cython.Build import cythonize
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

SPEC = Path("spec")
SPEC_IN_WHEEL = "marginspec/_spec"

# No -march=native: a wheel must run on machines other than the one that built it.
# No -ffast-math or the like: there is no floating point in the fast path.
# Inlined is what says so, the kernels above all: the stages of evaluate stay functions of their own, for
# merged into one they outgrow the registers of the machine.
COMPILE_FLAGS = [
    "-O3",
    "-funroll-loops",
    "-fno-inline-functions",
    "-fno-inline-small-functions",
    "-fno-inline-functions-called-once",
    "-Wno-unused-function",
    "-Wno-unreachable-code",
]


class BuildExt(build_ext):
    """Translates the extensions to C below build/, beside no source file, and compiles them in parallel.

    What CFLAGS says comes last and so wins: -O0 for a quick build, sanitizers for `make sanitize`.
    """

    def finalize_options(self) -> None:
        build_directory = Path("build") / "cython"
        self.distribution.ext_modules = cythonize(
            self.distribution.ext_modules,
            build_dir=str(build_directory),
            include_path=["."],
            language_level=3,
            force=True,
            quiet=True,
        )
        asked_for = shlex.split(os.environ.get("CFLAGS", ""))
        for extension in self.distribution.ext_modules:
            extension.extra_compile_args = [*extension.extra_compile_args, *COMPILE_FLAGS, *asked_for]
        super().finalize_options()
        self.parallel = self.parallel or 2
        self.force = True  # the kernels are included by others: what depends on what is not worth tracking


class BuildPy(build_py):
    """Adds the law's prose, policies and schemas, which live in spec/, to a wheel as marginspec/_spec.

    An editable install reads spec/ where it is.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode and SPEC.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(SPEC, Path(self.build_lib) / SPEC_IN_WHEEL, ignore=leave_out, dirs_exist_ok=True)

    def get_source_files(self) -> list[str]:
        """What a source distribution needs beside the packages."""
        spec = [
            str(path)
            for path in sorted(SPEC.rglob("*"))
            if path.is_file() and path.parent.name != "__pycache__"
        ]
        return [*super().get_source_files(), *spec]
