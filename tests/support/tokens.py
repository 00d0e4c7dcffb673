"""SoftHSM tokens in a directory of their own, and a module that fails as real tokens do."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from identity.tokens import Token, TokenPlace

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "a PIN for tests"
_SO_PIN: Final = "an officer's PIN"
_SHIM: Final = Path(__file__).with_name("failing_token.c")


class SoftHsm:
    """A place for tokens. `directory` is where they are kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "tokens"
        self._made = directory
        self.directory.mkdir()
        self.configuration = directory / "softhsm2.conf"
        self.configuration.write_text(
            f"directories.tokendir = {self.directory}\nobjectstore.backend = file\n"
            "log.level = ERROR\n"
        )

    def make(self, label: str) -> TokenPlace:
        """A new, empty token with that label."""
        pins = ("--so-pin", _SO_PIN, "--pin", PIN)
        self.util("--init-token", "--free", "--label", label, *pins)
        return TokenPlace(MODULE, label)

    def open(self, label: str) -> Token:
        """A new, empty token, opened."""
        return Token(self.make(label), PIN)

    def util(self, *arguments: str) -> None:
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Every token is gone meanwhile, as when a cable is pulled."""
        gone = self.directory.with_name("gone")
        self.directory.rename(gone)
        try:
            yield
        finally:
            gone.rename(self.directory)

    def failing(self) -> Path:
        """A module that passes everything on to SoftHSM but what `KENT_TOKEN_FAILS` names."""
        built, own = self._made / "failing_token.so", self._made / "another_softhsm.so"
        if not built.exists():
            shutil.copy(MODULE, own)  # a module has one state in a process; this is another module
            compiler = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
            subprocess.run(
                [*compiler, f'-DMODULE="{own}"', "-o", str(built), str(_SHIM), "-ldl"],
                check=True,
            )
        return built


@contextmanager
def softhsm_in(directory: Path) -> Iterator[SoftHsm]:
    """SoftHSM with a configuration of its own; the test is skipped, and says so, without it."""
    if not MODULE.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed, so this was not tried with a token")
    made = SoftHsm(directory)
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(made.configuration)
    try:
        yield made
    finally:
        del os.environ["SOFTHSM2_CONF"]
        if before is not None:
            os.environ["SOFTHSM2_CONF"] = before
