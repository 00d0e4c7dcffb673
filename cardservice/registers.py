"""The registers that are asked about evidence, as the settings say; by default there are none."""

from pathlib import Path

import httpx

from cardservice.errors import NotReady
from cardservice.settings import Settings, registers_in
from entitlements.references import Registers
from entitlements.register_https import HttpsRegister


def registers_of(settings: Settings, http: httpx.AsyncClient) -> Registers:
    """Whom the worker asks.

    Raises:
        NotReady: the file of a register's token cannot be read or holds none.
    """
    return {
        kind: HttpsRegister(kind, url, _token(Path(settings.register_tokens) / kind), http)
        for kind, url in registers_in(settings.registers).items()
    }


def _token(path: Path) -> str:
    """The token; what is in the file is never repeated."""
    try:
        token = path.read_text(encoding="ascii").split("\n", 1)[0].strip()
    except OSError as error:
        raise NotReady(f"{path}: a register's token cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise NotReady(f"{path}: its first line is not a bearer token.") from None
    if not token or not token.isprintable() or " " in token:
        raise NotReady(f"{path}: its first line is not a bearer token.")
    return token
