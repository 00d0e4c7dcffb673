"""The reader driver is compiled once, anew when its source changed, and says what is missing."""

import os
from pathlib import Path

import pytest

from readers.virtual.driver import build as module
from readers.virtual.driver.build import build
from readers.virtual.errors import DriverNotBuilt


def test_it_compiles_once_and_again_when_it_is_older_than_its_source(tmp_path: Path) -> None:
    library = build(tmp_path / "new" / "directory")
    first = library.stat().st_mtime_ns
    assert build(library.parent).stat().st_mtime_ns == first
    os.utime(library, (0, 0))
    assert build(library.parent).stat().st_mtime_ns > 0
    assert [file.name for file in library.parent.iterdir()] == [library.name]


def test_a_missing_compiler_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DriverNotBuilt, match="apt-get install gcc"):
        build(tmp_path / "driver")


def test_a_missing_header_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SYSTEM_HEADERS", tmp_path)
    with pytest.raises(DriverNotBuilt, match="apt-get install libpcsclite-dev"):
        build(tmp_path / "driver")


def test_source_that_does_not_compile_quotes_the_compiler_and_leaves_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return nothing; }\n")
    monkeypatch.setattr(module, "SOURCES", (broken,))
    with pytest.raises(DriverNotBuilt, match="nothing"):
        build(tmp_path / "driver")
    assert list((tmp_path / "driver").iterdir()) == []
