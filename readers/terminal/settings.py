"""Settings of a terminal: from one TOML file, or the environment, which wins; read once."""

import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from readers.contract.products import Product
from readers.contract.services import Service
from readers.terminal.errors import SettingsRefused

PREFIX: Final = "KENTCARD_TERMINAL_"
DEMO: Final = "KENTCARD_DEMO"
MAX_PORT: Final = 65535


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one terminal is set up.

    Attributes:
        server_url: of the Kent Card server; https, unless it is on this machine.
        state_dir: where keys, bundle and journal are kept; nobody else needs to read it.
        reader: name of the PC/SC reader, with or without its numbers at the end; empty: any.
        screen_port: of the terminal's own screen, on loopback only.
        service: which of the terminal's services is checked at this reader; absent: the first.
        product: what this terminal is: `validator`, `library-kiosk`, `front-desk` or
            `desk-encoder`; absent: as the server says, else a validator, or an encoder where it may
            make cards.
        till_secret_file: file of mode 0600 with the word that software on this machine shows: a
            till to be given tokens of accepted taps, or at a library kiosk the library's own
            software to be given patron numbers; absent: nobody is given any.
        keyboard: whether a library kiosk types patron numbers as a keyboard would, into whatever
            has the focus; needs `/dev/uinput`, and has not been tried on a machine that has one.
        demo: whether time may be simulated and the network be cut.
    """

    server_url: str = "http://localhost:8000"
    state_dir: Path = Path("var/terminal")
    reader: str = ""
    screen_port: int = 8010
    service: Service | None = None
    product: Product | None = None
    till_secret_file: Path | None = None
    keyboard: bool = False
    demo: bool = False


NAMES: Final = tuple(name for name in Settings.__struct_fields__ if name != "demo")


def read_settings(environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """The settings, all of them checked.

    Raises:
        SettingsRefused: with every fault there is, not only the first.
    """
    faults: list[str] = []
    given = _from_file(config, faults) if config is not None else {}
    given |= _from_environment(environ, faults)
    values = {name: value for name, value in given.items() if name in NAMES}
    checked: dict[str, Any] = {name: _CHECKS[name](value, faults) for name, value in values.items()}
    if faults:
        raise SettingsRefused(faults)
    return Settings(**checked, demo=environ.get(DEMO, "") == "1")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _from_file(config: Path, faults: list[str]) -> dict[str, Any]:
    try:
        given = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"The settings file {config} cannot be read: {error}.")
        return {}
    except tomllib.TOMLDecodeError as error:
        faults.append(f"The settings file {config} is not TOML: {error}.")
        return {}
    faults += [
        f"{config} has an unknown setting {name!r}; known are {', '.join(NAMES)}."
        for name in given
        if name not in NAMES
    ]
    return given


def _from_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    given = {name: environ[variable(name)] for name in NAMES if variable(name) in environ}
    known = {variable(name) for name in NAMES}
    faults += [
        f"{name} is not a setting; known are {', '.join(sorted(known))}."
        for name in environ
        if name.startswith(PREFIX) and name not in known
    ]
    return given


def server_url(value: object, faults: list[str]) -> str:
    """The address of a server that may be asked; what is wrong with it goes into `faults`."""
    text = str(value).rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        faults.append(f"server_url must be like https://card.example.org, not {value!r}.")
    elif parts.username or parts.password:
        faults.append("server_url must not hold a user name or password.")
    elif parts.scheme == "http" and not _is_loopback(host):
        faults.append(f"server_url must begin with https, because {host} is another machine.")
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _state_dir(value: object, faults: list[str]) -> Path:
    if not isinstance(value, str) or not value.strip():
        faults.append(f"state_dir must be the path of a directory, not {value!r}.")
        return Path()
    path = Path(value)
    if path.exists() and not path.is_dir():
        faults.append(f"state_dir {path} is a file, not a directory.")
    return path


def _reader(value: object, faults: list[str]) -> str:
    if not isinstance(value, str):
        faults.append(f"reader must be the name of a PC/SC reader, not {value!r}.")
        return ""
    return value.strip()


def _screen_port(value: object, faults: list[str]) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PORT:
        faults.append(f"screen_port must be a number from 1 to {MAX_PORT}, not {value!r}.")
        return 0
    return int(text)


def _service(value: object, faults: list[str]) -> Service | None:
    try:
        return Service(str(value))
    except ValueError:
        faults.append(f"service must be one of {', '.join(Service)}, not {value!r}.")
        return None


def _product(value: object, faults: list[str]) -> Product | None:
    try:
        return Product(str(value))
    except ValueError:
        faults.append(f"product must be one of {', '.join(Product)}, not {value!r}.")
        return None


def _till_secret_file(value: object, faults: list[str]) -> Path | None:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        faults.append(f"till_secret_file must be the path of a file, not {value!r}.")
        return None
    return Path(value)


def _keyboard(value: object, faults: list[str]) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if (text := str(value).lower()) not in known:
        faults.append(f"keyboard must be true or false, not {value!r}.")
    return known.get(text, False)


_CHECKS: Final = {
    "server_url": server_url,
    "state_dir": _state_dir,
    "reader": _reader,
    "screen_port": _screen_port,
    "service": _service,
    "product": _product,
    "till_secret_file": _till_secret_file,
    "keyboard": _keyboard,
}
