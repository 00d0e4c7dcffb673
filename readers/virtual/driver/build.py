"""Compiles the reader driver, which pcscd loads, from the C beside this file.

``python -m readers.virtual.driver.build`` does it once, into ``var/driver``.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from readers.virtual.errors import DriverNotBuilt

HERE = Path(__file__).parent
SOURCES = (HERE / "ifd_kent.c", HERE / "frames.c")
HEADER = HERE / "frames.h"
SYSTEM_HEADERS = Path("/usr/include/PCSC")
BUILT = Path("var/driver")  # under the working directory, like all that is made there
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread")


def build(directory: Path = BUILT) -> Path:
    """Return the driver library in ``directory``, compiled first if it is missing or outdated.

    Args:
        directory: made if missing.

    Raises:
        DriverNotBuilt: the compiler or a header is missing (the Debian package is named), or the
            compilation failed.
    """
    library = directory / "libifd_kent.so"
    newest = max(file.stat().st_mtime_ns for file in (*SOURCES, HEADER, Path(__file__)))
    if library.exists() and library.stat().st_mtime_ns > newest:
        return library
    compiler = _compiler()
    directory.mkdir(parents=True, exist_ok=True)
    # Under a name of its own first: a pcscd that starts meanwhile never loads half a library.
    unfinished = library.with_suffix(f".{os.getpid()}")
    command = [compiler, *FLAGS, f"-I{SYSTEM_HEADERS}", "-o", str(unfinished), *map(str, SOURCES)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise DriverNotBuilt(f"the reader driver does not compile:\n{result.stderr}")
    unfinished.replace(library)
    return library


def _compiler() -> str:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise DriverNotBuilt("gcc is missing: apt-get install gcc libc6-dev")
    if not (SYSTEM_HEADERS / "ifdhandler.h").exists():
        raise DriverNotBuilt(
            f"{SYSTEM_HEADERS}/ifdhandler.h is missing: apt-get install libpcsclite-dev"
        )
    if not Path("/usr/include/stdio.h").exists():
        raise DriverNotBuilt("/usr/include/stdio.h is missing: apt-get install libc6-dev")
    return compiler


def main() -> int:
    """Build, and say where or why not; 0, or 3 for a fault."""
    try:
        sys.stdout.write(f"{build()}\n")
    except DriverNotBuilt as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
