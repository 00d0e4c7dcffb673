"""libnfc with the one driver that Debian leaves out, built from Debian's own source.

``python -m tests.support.libnfc`` fetches the source from the Debian mirrors this machine uses and
compiles it into ``build/libnfc`` within a second. Nothing is installed: a program that shall use it
is started with its directory in LD_LIBRARY_PATH, and finds it under the name of Debian's.
"""

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
DIRECTORY: Final = PROJECT / "build" / "libnfc"
LIBRARY: Final = DIRECTORY / "libnfc.so.6"
MISSING: Final = (
    "libnfc with its pcsc driver was not built (`make setup-test` does it, with a Debian mirror "
    "that has sources), so libfreefare was not tried"
)
_SOURCES: Final = Path("/etc/apt")
_CONFIG: Final = """
#define _XOPEN_SOURCE 600
#define PACKAGE_NAME "libnfc"
#define PACKAGE_VERSION "1.8.0"
#define PACKAGE_STRING "libnfc 1.8.0"
#define SYSCONFDIR "/nonexistent"
"""
_FLAGS: Final = (
    *("-O2", "-w", "-shared", "-fPIC", "-Wl,-soname,libnfc.so.6", "-D_GNU_SOURCE"),
    *("-DHAVE_CONFIG_H", "-DDRIVER_PCSC_ENABLED", "-DENVVARS", "-DLOG", "-DCONFFILES"),
)


def build() -> None:
    """Fetch and compile it, unless it is there.

    Raises:
        CalledProcessError: the mirror has no sources, or the compiler does not take them.
    """
    if LIBRARY.exists():
        return
    with TemporaryDirectory() as room:
        _compile(_fetched(Path(room)), Path(room))


def _fetched(room: Path) -> Path:
    """The unpacked source, by apt with lists of its own: the machine's are left alone."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (room / name).mkdir(parents=True)
    for found in (_SOURCES / "sources.list", *(_SOURCES / "sources.list.d").glob("debian.*")):
        if found.is_file():
            text = re.sub(r"^deb ", "deb-src ", found.read_text(), flags=re.MULTILINE)
            text = re.sub(r"^Types: deb$", "Types: deb-src", text, flags=re.MULTILINE)
            (room / "parts" / found.name).write_text(text)
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": room / "parts",
        "Dir::State::Lists": room / "lists",
        "Dir::Cache": room / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    for command in ([*apt, "update"], [*apt, "source", "--download-only", "libnfc"]):
        subprocess.run(command, cwd=room, check=True, capture_output=True)
    [archive] = room.glob("libnfc_*.orig.tar.*")
    with tarfile.open(archive) as tar:
        tar.extractall(room / "source", filter="data")
    [source] = (room / "source").iterdir()
    return source


def _compile(source: Path, room: Path) -> None:
    (room / "config.h").write_text(_CONFIG)
    places = (room, source / "include", source / "libnfc", source / "libnfc" / "drivers")
    includes = [f"-I{place}" for place in (*places, source / "libnfc" / "buses")]
    files = [*sorted((source / "libnfc").glob("*.c")), source / "libnfc" / "drivers" / "pcsc.c"]
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    made = room / "libnfc.so.6"
    command: list[str | Path] = [
        "gcc",
        *_FLAGS,
        *includes,
        "-I/usr/include/PCSC",
        *files,
        "-lpcsclite",
        "-o",
        made,
    ]
    subprocess.run(command, check=True, capture_output=True)
    LIBRARY.write_bytes(made.read_bytes())


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{error.stderr.decode(errors='replace')}\n{MISSING}\n")
