"""What can be set, read once at the top: from one TOML file, and over it the environment."""

import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cardservice.errors import SettingsFaulty
from entitlements.references import can_be_asked

PREFIX: Final = "KENTCARD_"
CONFIG: Final = "KENTCARD_CONFIG"
ELSEWHERE: Final = frozenset({CONFIG, "KENTCARD_CLOCK"})
"""Variables with the prefix that are no settings of the server."""
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
CREDENTIAL: Final = "kentcard-keys"
"""Where systemd puts credentials of a service, and the name of ours. Source: systemd.exec(5)."""
TERMINAL_PREFIX: Final = "KENTCARD_TERMINAL_"
TAPS_DAYS: Final = 90
"""How long taps are kept where nothing less is set; what the privacy notice promises."""
LARGEST_EVIDENCE: Final = 20
"""MB; what is larger is not even received."""
DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}

Text = Annotated[str, Meta(min_length=1)]


def _about(words: str) -> Meta:
    return Meta(description=words)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's settings. Each is `KENTCARD_<NAME>` in the environment, `<name>` in TOML."""

    database_url: Annotated[
        Text,
        _about(
            "Where the data is: `sqlite:///path` or `postgresql://user@host/name`. "
            "SQLite serves one desk and the demo; PostgreSQL serves the county."
        ),
    ] = "sqlite:///var/kentcard.db"
    keys: Annotated[
        Text, _about("Path of the key store, or of the file that a token's key store has beside.")
    ] = "var/keys.json"
    keys_passphrase_file: Annotated[
        Text,
        _about(
            "Path of a file whose first line opens the key store: its passphrase, or the PIN of "
            "the token. Where it is not set, the systemd credential `kentcard-keys` is used if "
            "there is one; where there is no such file, it is asked for at a terminal."
        ),
    ] = "var/keys.passphrase"  # noqa: S105  (a path)
    keys_module: Annotated[
        str,
        _about(
            "Path of the PKCS#11 module of a hardware token that holds the keys. Empty: they are "
            "in an encrypted file."
        ),
    ] = ""
    keys_token: Annotated[str, _about("Label of that token.")] = ""
    outbox: Annotated[
        Text, _about("Directory into which the worker writes messages to residents.")
    ] = "var/outbox"
    notify_api_key_file: Annotated[
        str,
        _about(
            "Path of a file whose first line is a GOV.UK Notify API key. With one, the worker "
            "sends messages by Notify and writes none into the outbox."
        ),
    ] = ""
    notify_templates: Annotated[
        Annotated[str, Meta(pattern=r"^([a-z]+(:[a-z-]+)?=[0-9a-f-]{36}( |$))*$")],
        _about(
            "Ids of Notify templates, with spaces between them: `email=ID text=ID`, and for one "
            "kind of message `email:new-device=ID`."
        ),
    ] = ""
    notify_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")], _about("Where Notify's API is.")
    ] = "https://api.notifications.service.gov.uk"
    govuk_pay_key_file: Annotated[
        str,
        _about(
            "Path of a file whose first line is a GOV.UK Pay API key. With one, residents pay for "
            "cards online; without, at a desk."
        ),
    ] = ""
    govuk_pay_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")], _about("Where GOV.UK Pay's API is.")
    ] = "https://publicapi.payments.service.gov.uk"
    minimum_age: Annotated[
        Annotated[int, Meta(ge=13, le=18)],
        _about(
            "Age in years from which residents register alone; a guardian registers others with "
            "them at a desk."
        ),
    ] = 16
    activation_code_days: Annotated[
        Annotated[int, Meta(ge=1, le=90)],
        _about("How long an activation code works that a desk gave out."),
    ] = 28
    base_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")],
        _about("How browsers and terminals reach the server: scheme, host and port, no path."),
    ] = "http://localhost:8000"
    trusted_proxies: Annotated[
        str,
        _about(
            "Addresses or networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto "
            "are believed, with spaces between them; empty: nobody's are."
        ),
    ] = ""
    institution: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{4}$")],
        _about("Four digits inside every service number, after the leading 2."),
    ] = "9999"
    card_step_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=60)],
        _about("How long a card session waits for one answer of the card."),
    ] = 5.0
    card_session_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=600)], _about("How long a card session may take in all.")
    ] = 30.0
    partner_checks_a_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)],
        _about("How often each organisation may ask about cards, of one server process."),
    ] = 600
    partner_redemptions_a_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)],
        _about("How often each may hold, confirm or cancel redemptions, or ask for its usage."),
    ] = 240
    assisted_minutes: Annotated[
        Annotated[int, Meta(ge=1, le=60)],
        _about("How long a member of staff may act for a resident before it ends on its own."),
    ] = 20
    erasure_grace_days: Annotated[
        Annotated[int, Meta(ge=0, le=28)],
        _about(
            "Days in which a resident can stop the erasure of their record; the law allows a month."
        ),
    ] = 14
    evidence_megabytes: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_EVIDENCE)],
        _about("The largest file, in MB, that is taken as evidence."),
    ] = 10
    evidence_days: Annotated[
        Annotated[int, Meta(ge=0, le=366)],
        _about(
            "Days for which a file sent as evidence is kept after it was checked, or its request "
            "was decided."
        ),
    ] = 28
    taps_days: Annotated[
        Annotated[int, Meta(ge=1, le=TAPS_DAYS)],
        _about(
            "Days for which taps are kept; the privacy notice promises 90 at most. Afterwards only "
            "the day of the last use of each service is known."
        ),
    ] = TAPS_DAYS
    claim_minutes: Annotated[
        Annotated[int, Meta(ge=5, le=480)],
        _about("How long an application is kept for the member of staff who claimed it."),
    ] = 60
    review_days: Annotated[
        Annotated[int, Meta(ge=1, le=366)],
        _about("Days in which a resident can ask for a review of a refusal."),
    ] = 28
    end_notice_days: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{1,3}( [0-9]{1,3})*$")],
        _about("How many days before something ends its holder is told, with spaces between."),
    ] = "28 7"
    registers: Annotated[
        Annotated[str, Meta(pattern=r"^([a-z0-9-]+=https?://[^\s]+( |$))*$")],
        _about(
            "Registers that are asked about evidence by the number a resident gives, with spaces "
            "between them: `blue-badge=https://...`, each after the kind of evidence it stands "
            "for. Empty: none is asked, and no page offers it."
        ),
    ] = ""
    register_tokens: Annotated[
        str,
        _about(
            "Directory that holds, for each register, a file named after its kind, whose first "
            "line is the bearer token that it knows us by."
        ),
    ] = ""
    sip2_certificate: Annotated[
        str,
        _about("Path of the PEM certificate, with its chain, that library machines are shown."),
    ] = ""
    sip2_key: Annotated[str, _about("Path of that certificate's key, in PEM.")] = ""
    sip2_plain: Annotated[
        bool,
        _about(
            "Library machines are answered without TLS, on loopback alone: for what wraps the "
            "connection on this machine."
        ),
    ] = False
    sip2_questions_a_minute: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)],
        _about("How many library numbers each library machine may ask about without waiting."),
    ] = 60
    council: Annotated[Text, _about("Name of the council that answers for the data.")] = (
        "[name of the council, not set yet]"
    )
    contact_email: Annotated[
        Text, _about("Where residents write about the service and its accessibility.")
    ] = "[e-mail address, not set yet]"
    contact_phone: Annotated[Text, _about("Where residents ring.")] = "[phone number, not set yet]"
    data_protection_contact: Annotated[
        Text, _about("How to reach the council's data protection officer.")
    ] = "[data protection officer, not set yet]"
    demo: Annotated[
        bool, _about("Demo mode: simulated time and the tray page are allowed. Never in service.")
    ] = False
    tray_url: Annotated[
        str, _about("Where the demo's card tray listens; empty when there is none.")
    ] = ""
    demo_screens: Annotated[
        str, _about("Addresses of the demo's terminals' screens, with spaces between them.")
    ] = ""


def notice_days(settings: Settings) -> tuple[int, ...]:
    """How many days before something ends its holder is told."""
    return tuple(int(days) for days in settings.end_notice_days.split())


def registers_in(registers: str, *, loopback: bool = True) -> dict[str, str]:
    """Kind of evidence -> address of the register that is asked about it.

    Args:
        registers: the setting.
        loopback: whether one may be on this machine without HTTPS.

    Raises:
        ValueError: a register cannot stand for that kind, or is not reached by HTTPS.
    """
    found = dict(each.split("=", 1) for each in registers.split())
    for kind, url in found.items():
        if not can_be_asked(kind):
            raise ValueError(f"no register can stand for '{kind}'")
        address = urlsplit(url)
        here = loopback and address.hostname in {"127.0.0.1", "localhost"}
        if address.scheme != "https" and not here:
            raise ValueError(f"{url} is not reached by HTTPS")
    return found


class Setting(msgspec.Struct, frozen=True):
    """One line of docs/configuration.md."""

    variable: str
    default: str
    meaning: str


def described() -> tuple[Setting, ...]:
    """Every setting with its default and meaning, in the order of the struct."""
    info = msgspec.inspect.type_info(Settings)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError("Settings is a struct")
    return tuple(
        Setting(PREFIX + field.name.upper(), str(field.default), _meaning(field.type))
        for field in info.fields
    )


def _meaning(of: msgspec.inspect.Type) -> str:
    schema = getattr(of, "extra_json_schema", None) or {}
    return str(schema.get("description", ""))


_MEANINGS: Final = {
    line.variable.removeprefix(PREFIX).lower(): line.meaning for line in described()
}


class _Found(msgspec.Struct, frozen=True):
    """A value and how the person who set it knows it."""

    value: object
    name: str


def load_settings(environ: Mapping[str, str], *, config: Path | None = None) -> Settings:
    """Settings from the environment over the TOML file over the defaults.

    Args:
        environ: the process's environment.
        config: path of the TOML file; else what `KENTCARD_CONFIG` names; else none.

    Raises:
        SettingsFaulty: with every fault at once, each naming where it was found.
    """
    if config is None and environ.get(CONFIG):
        config = Path(environ[CONFIG])
    faults: list[str] = []
    found = _from_file(config, faults) if config else {}
    found |= _from_environment(environ)
    credential = Path(environ.get(CREDENTIALS, "/nowhere")) / CREDENTIAL
    if credential.is_file():
        found.setdefault("keys_passphrase_file", _Found(str(credential), CREDENTIALS))
    values = _checked(found, faults)
    faults.extend(_clashes(values, found))
    if faults:
        raise SettingsFaulty(faults)
    return msgspec.convert(values, Settings)


def async_url(database_url: str) -> URL:
    """The URL with the driver we use.

    Raises:
        ValueError: neither SQLite nor PostgreSQL, or no URL at all.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise ValueError("this is not a database URL") from error
    driver = DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    return url.set(drivername=driver)


def proxies(trusted: str) -> list[str]:
    """The addresses and networks of a setting.

    Raises:
        ValueError: one of them is none.
    """
    return [str(ip_network(each)) for each in trusted.split()]


def _clashes(values: Mapping[str, object], found: Mapping[str, _Found]) -> Iterator[str]:
    """What is wrong with settings beside each other."""
    try:
        registers_in(str(values.get("registers", "")), loopback=bool(values.get("demo")))
    except ValueError as error:
        yield f"{found['registers'].name}: {error}."
    for name in ("tray_url", "demo_screens"):
        if values.get(name) and not values.get("demo"):
            yield f"{found[name].name}: this is for demo mode only."
    module = str(values.get("keys_module") or "")
    if module and not Path(module).is_file():
        yield f"{found['keys_module'].name}: there is no file {module}."
    for one, other in _TOGETHER:
        if bool(values.get(one)) != bool(values.get(other)):
            yield f"{PREFIX}{one.upper()}, {PREFIX}{other.upper()}: set both, or neither."


_TOGETHER: Final = (
    ("notify_api_key_file", "notify_templates"),
    ("registers", "register_tokens"),
    ("sip2_certificate", "sip2_key"),
    ("keys_module", "keys_token"),
)


def _from_file(path: Path, faults: list[str]) -> dict[str, _Found]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror}).")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path}: is not TOML: {error}.")
        return {}
    return {name: _Found(value, f"{path}: {name}") for name, value in content.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Found]:
    return {
        variable.removeprefix(PREFIX).lower(): _Found(value, variable)
        for variable, value in environ.items()
        if variable.startswith(PREFIX)
        and variable not in ELSEWHERE
        and not variable.startswith(TERMINAL_PREFIX)
    }


def _checked(found: Mapping[str, _Found], faults: list[str]) -> dict[str, object]:
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, object] = {}
    for name, setting in found.items():
        if name not in hints:
            faults.append(f"{setting.name}: there is no such setting.")
            continue
        try:
            values[name] = msgspec.convert(setting.value, hints[name], strict=False)
            if name == "database_url":
                async_url(str(setting.value))
            if name == "trusted_proxies":
                proxies(str(setting.value))
        except ValueError as error:  # msgspec.ValidationError is one
            faults.append(f"{setting.name}: {error}. {_MEANINGS[name]}")
    return values
