"""What must not be in the project: paths of a machine, hosts of a package registry, secrets."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = re.compile(rb"(py(pi|thonhoste[d])|npm(js)|deb[.]debian)[.](org|com)")
"""Spelt so that it does not find itself."""
MACHINE = re.compile(rb"(^|[\s\"'=(:])/(root|home|work)/")
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize(
    "unwanted",
    [
        pytest.param(HOSTS, id="host of a package registry"),
        pytest.param(MACHINE, id="path of a machine"),
        pytest.param(PRIVATE_KEY, id="private key"),
    ],
)
def test_no_tracked_file_carries_what_must_not_be_there(unwanted: re.Pattern[bytes]) -> None:
    files = tracked()
    assert len(files) > 50
    found = {
        str(path.relative_to(ROOT)): match.group()
        for path in files
        if path.is_file()
        if (match := unwanted.search(path.read_bytes()))
    }
    assert found == {}


def test_the_locked_requirements_carry_hashes_for_everything() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        pinned = re.findall(r"^[a-z0-9][^=\s]*==", text, re.MULTILINE)
        assert pinned
        assert text.count("==") == len(pinned)
        blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert all("--hash=sha256:" in block for block in blocks if "==" in block)
