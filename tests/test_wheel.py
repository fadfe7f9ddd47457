"""The wheel. Goal: what it installs works in an empty directory, without the checkout it was built from.

Method: one is built and installed into an environment that has the libraries of this one, but not its
marginspec; its command then reads, proves, plays and compares there.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from marginspec.errors import HELD, UNDECIDED
from marginspec.paths import POLICIES, ROOT, SPEC

PARTS = ("fastpath", "refmodel", "proofs", "marginspec", "spec")
NOT_SOURCES = shutil.ignore_patterns("__pycache__", "*.so")


def run(*command: object, folder: Path, flags: str = "", code: int = HELD) -> str:
    """What a command says on its standard output, run in a folder and in no environment of Python's."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**surroundings, "CFLAGS": flags, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder of the commands of an environment into which the wheel was installed."""
    source, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=NOT_SOURCES)
    shutil.copy2(ROOT / "pyproject.toml", source)
    pip = (sys.executable, "-m", "pip", "--quiet", "--no-input")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source)
    run(*pip, *build, folder=wheels, flags="-O0")  # whether it works, not how fast
    (wheel,) = wheels.glob("marginspec-*.whl")
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=wheels)
    python = environment / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", wheel, folder=wheels)
    # A folder that is named in a .pth file has its own .pth files ignored, the editable install's among them.
    (site,) = environment.glob("lib/*/site-packages")
    libraries = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n", encoding="utf-8")
    return python.parent


@pytest.fixture
def command(installed, tmp_path):
    """The installed command, in an empty folder."""
    return lambda *words, code=HELD: run(installed / "marginspec", *words, folder=tmp_path, code=code)


def test_what_is_imported_is_installed_and_compiled(installed, tmp_path):
    modules = ("fastpath.kernels", "fastpath.evaluate", "fastpath.engine.core", "refmodel", "proofs")
    say = f"from importlib import import_module as m; print(*(m(n).__file__ for n in {modules}), sep='\\n')"
    files = [Path(line) for line in run(installed / "python", "-c", say, folder=tmp_path).splitlines()]
    assert len(files) == len(modules)
    assert all(file.is_relative_to(installed.parent) for file in files), files
    assert all(file.suffix == ".so" for file in files[:3]), files


def test_all_of_the_law_travels_inside(installed):
    (carried,) = installed.parent.glob("lib/*/site-packages/marginspec/_spec")
    inside, there = (
        {
            path.relative_to(folder)
            for path in folder.rglob("*")
            if path.is_file() and path.parent.name != "__pycache__"
        }
        for folder in (carried, SPEC)
    )
    assert inside == there


def test_every_policy_is_checked(command):
    for policy in sorted(POLICIES.glob("*.toml")):
        assert re.search(r"holds all \d+ policy rules", command("policy", "check", policy.stem)), policy.stem


def test_a_rule_is_explained_with_its_chapter_its_code_and_its_theorems(command):
    page = command("explain", "LIQ-3")
    assert "## LIQ-3 Liquidation penalty" in page
    assert "return min(requested, affordable)" in page
    assert "D6-penalty" in page and "F1-penalty" in page


def test_theorems_about_the_law_and_about_a_kernel_are_proved(command):
    assert "2 proved, 0 refuted" in command("prove", "D6-penalty", "F1-penalty")


def test_a_story_of_the_chapters_is_played(command, installed):
    (carried,) = installed.parent.glob("lib/*/site-packages/marginspec/_spec")
    story = min(carried.glob("incidents/*.json"))
    assert command("replay", story)
    assert command("explain", "--waterfall", story)


def test_histories_are_played_under_every_invariant(command):
    played = command("campaign", "--events", "400", "--workers", "1", code=UNDECIDED)  # too few for all rules
    assert "400 events" in played and "0 histories broke one" in played


def test_law_and_engine_play_in_lock_step(command):
    played = command("campaign", "--fast", "--events", "400", "--workers", "1", code=UNDECIDED)
    assert "400 in 2 histories" in played and "0 histories differ" in played
