"""A throw-away PostgreSQL from Debian's package: own directory, Unix socket only, no durability."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

_STARTED_WITHIN = 30.0


def binaries() -> Path | None:
    """Where initdb and postgres are, or None when the package is not installed."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    return None


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster and yield its database's URL for asyncpg. It is gone afterwards."""
    found = binaries()
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    # Not under pytest's directory: a socket's path is short, and user postgres must reach it.
    directory = Path(mkdtemp(prefix="kent-pg-", dir="/tmp"))
    try:
        with _server(found, directory):
            yield f"postgresql+asyncpg://postgres@/postgres?host={quote(str(directory))}"
    finally:
        shutil.rmtree(directory)


@contextmanager
def _server(found: Path, directory: Path) -> Iterator[None]:
    user = _user(directory)
    data, log = directory / "data", directory / "log"
    subprocess.run(
        [found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        user=user,
        cwd=directory,
    )
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(directory),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "32MB",
        "max_connections": "40",
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [found / "postgres", "-D", data, *settings],
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            cwd=directory,
        )
    try:
        _wait(found, directory, server, log)
        yield
    finally:
        # SIGQUIT: at once, for nothing in it is worth a checkpoint.
        server.send_signal(3)
        server.wait(timeout=30)


def _user(directory: Path) -> str | None:
    """PostgreSQL refuses to run as root: then its own user runs it."""
    if os.geteuid() != 0:
        return None
    shutil.chown(directory, pwd.getpwnam("postgres").pw_uid)
    return "postgres"


def _wait(found: Path, directory: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while subprocess.run([found / "pg_isready", "-q", "-h", directory], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
