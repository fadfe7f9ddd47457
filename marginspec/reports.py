"""Reports: what a run leaves in `runs/<time>/`, and the link `runs/latest` that follows the newest."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from marginspec import __version__
from marginspec.documents import write_json, write_text
from marginspec.paths import runs_folder
from refmodel.canonical import LAW


def versions() -> dict[str, Any]:
    """What a result depends on besides the policy."""
    try:
        import fastpath

        compiled = bool(fastpath.COMPILED)
    except ImportError:
        compiled = False
    packages = {}
    for package in ("z3-solver", "numpy", "crosshair-tool", "hypothesis"):
        try:
            packages[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            packages[package] = "not installed"
    return {
        "marginspec": __version__,
        "law": LAW,
        "python": platform.python_version(),
        "fast_path_compiled": compiled,
        **packages,
    }


class Report:
    """The folder of one run. Nothing is created before the first file is written.

    kept  why nothing could be written, or empty
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.folder: Path | None = None
        self.problem = ""

    def write(self, name: str, content: Any) -> Path | None:
        """Write one file, text or JSON by its name; say where a user finds it, below `runs/latest`.

        returns  None if this place cannot be written to: a run is not lost for want of a report
        """
        try:
            folder = self._made()
            if isinstance(content, str):
                write_text(folder / name, content)
            else:
                write_json(folder / name, content)
        except OSError as error:
            self.problem = f"{error.strerror or error}".lower()
            return None
        return runs_folder() / "latest" / name

    def _made(self) -> Path:
        if self.folder is not None:
            return self.folder
        now = datetime.now(UTC)
        name = now.strftime("%Y%m%dT%H%M%S")
        folder = runs_folder() / name
        number = 1
        while True:
            try:
                folder.mkdir(parents=True)
                break
            except FileExistsError:
                if not runs_folder().is_dir():
                    raise
                number += 1
                folder = runs_folder() / f"{name}-{number}"
        self.folder = folder
        _point_latest_to(folder)
        arguments = [Path(sys.argv[0]).name, *sys.argv[1:]]
        about = {"command": self.command, "arguments": arguments, "began": now.isoformat(timespec="seconds")}
        write_json(folder / "run.json", {**about, "versions": versions()})
        return folder


def _point_latest_to(folder: Path) -> None:
    """Move the link, in one step: somebody may be reading through it."""
    latest = runs_folder() / "latest"
    new = runs_folder() / f".latest.{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name, target_is_directory=True)
    new.replace(latest)
