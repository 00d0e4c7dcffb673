"""Settings: environment over file over defaults, and every fault at once."""

from pathlib import Path
from typing import Any, cast

import pytest
from litestar import Litestar
from litestar.types import Receive, Scope, Send

from cardservice.cli.serving import server_config
from cardservice.errors import NotReady, SettingsFaulty
from cardservice.registers import registers_of
from cardservice.settings import Settings, async_url, described, load_settings, registers_in
from entitlements import register_https


def _file(directory: Path, text: str) -> Path:
    path = directory / "kentcard.toml"
    path.write_text(text)
    return path


def test_without_anything_set_the_defaults_are_sqlite_below_var() -> None:
    assert load_settings({}) == Settings()
    assert Settings().database_url == "sqlite:///var/kentcard.db"


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, 'institution = "1234"\ndemo = true\n')
    environ = {"KENTCARD_CONFIG": str(file), "KENTCARD_INSTITUTION": "5678"}
    settings = load_settings(environ)
    assert (settings.institution, settings.demo) == ("5678", True)


def test_a_file_named_by_the_caller_goes_over_the_one_in_the_environment(tmp_path: Path) -> None:
    file = _file(tmp_path, 'institution = "1234"\n')
    settings = load_settings({"KENTCARD_CONFIG": "/no/such/file"}, config=file)
    assert settings.institution == "1234"


def test_a_file_with_three_faults_reports_all_three(tmp_path: Path) -> None:
    file = _file(
        tmp_path, 'database_url = "mysql://x/y"\ninstitution = "12"\ncard_step_seconds = 0\n'
    )
    with pytest.raises(SettingsFaulty) as faulty:
        load_settings({}, config=file)
    assert len(faulty.value.faults) == 3
    for name in ("database_url", "institution", "card_step_seconds"):
        assert any(f"{file}: {name}: " in fault for fault in faulty.value.faults)


def test_faults_of_file_and_environment_are_reported_together(tmp_path: Path) -> None:
    file = _file(tmp_path, "demo = 7\nno_such = 1\n")
    environ = {"KENTCARD_BASE_URL": "localhost", "KENTCARD_UNHEARD_OF": "x"}
    with pytest.raises(SettingsFaulty) as faulty:
        load_settings(environ, config=file)
    assert len(faulty.value.faults) == 4
    assert any(fault.startswith("KENTCARD_BASE_URL: ") for fault in faulty.value.faults)
    assert "KENTCARD_UNHEARD_OF: there is no such setting." in faulty.value.faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [("= 1", "is not TOML"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_used_is_one_fault_beside_the_others(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    file = tmp_path / "missing.toml" if text is None else _file(tmp_path, text)
    with pytest.raises(SettingsFaulty) as faulty:
        load_settings({"KENTCARD_INSTITUTION": "x"}, config=file)
    assert len(faulty.value.faults) == 2
    assert expected in faulty.value.faults[0]


def test_demo_addresses_are_refused_outside_demo_mode() -> None:
    with pytest.raises(SettingsFaulty, match="KENTCARD_TRAY_URL: this is for demo mode only"):
        load_settings({"KENTCARD_TRAY_URL": "http://localhost:1"})
    assert load_settings({"KENTCARD_TRAY_URL": "http://localhost:1", "KENTCARD_DEMO": "1"}).demo


def test_other_programs_variables_are_left_alone() -> None:
    environ = {"KENTCARD_CLOCK": "x", "KENTCARD_TERMINAL_READER": "x", "HOME": "/"}
    assert load_settings(environ) == Settings()


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///var/x.db", "sqlite+aiosqlite"),
        ("postgresql://kent@localhost/kent", "postgresql+asyncpg"),
        ("postgresql+psycopg://kent@localhost/kent", "postgresql+asyncpg"),
    ],
)
def test_the_driver_is_ours_to_choose(url: str, driver: str) -> None:
    assert async_url(url).drivername == driver


@pytest.mark.parametrize("url", ["", "kent.db", "mysql://x/y"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database URL"):
        async_url(url)


def test_every_setting_says_what_it_means() -> None:
    lines = described()
    assert len(lines) == len(Settings.__struct_fields__)
    for line in lines:
        assert line.variable.startswith("KENTCARD_")
        assert line.meaning.endswith(".")


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.0/99", "127.0.0.1,10.0.0.1"])
def test_a_proxy_is_an_address_or_a_network(wrong: str) -> None:
    with pytest.raises(SettingsFaulty) as refused:
        load_settings({"KENTCARD_TRUSTED_PROXIES": wrong})
    assert "KENTCARD_TRUSTED_PROXIES" in str(refused.value)


@pytest.mark.parametrize(
    ("trusted", "client"),
    [("", "10.1.2.3"), ("192.0.2.0/24", "10.1.2.3"), ("10.0.0.0/8 192.0.2.1", "198.51.100.7")],
)
async def test_only_a_proxy_that_was_named_says_who_asks(trusted: str, client: str) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.update(scope)

    config = server_config(cast("Litestar", app), Settings(trusted_proxies=trusted))
    config.load()
    said = [(b"x-forwarded-for", b"203.0.113.66, 198.51.100.7, 192.0.2.1")]
    scope = {"type": "http", "client": ("10.1.2.3", 1), "headers": said, "scheme": "http"}
    await config.loaded_app(cast("Any", scope), cast("Any", None), cast("Any", None))
    assert seen["client"][0] == client


TOKENS = {"KENTCARD_REGISTER_TOKENS": "var/registers"}


def test_a_register_is_reached_by_https_and_named_by_what_it_stands_for() -> None:
    named = "blue-badge=https://badges.example/ask council-tax-record=https://tax.example/?v=1"
    settings = load_settings({"KENTCARD_REGISTERS": named, **TOKENS})
    assert registers_in(settings.registers) == {
        "blue-badge": "https://badges.example/ask",
        "council-tax-record": "https://tax.example/?v=1",
    }
    assert registers_in(Settings().registers) == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("passport=https://who.example/", "no register can stand for 'passport'"),
        ("driving-licence=https://who.example/", "no register can stand for 'driving-licence'"),
        ("badge=https://badges.example/", "no register can stand for 'badge'"),
        ("blue-badge=http://badges.example/", "not reached by HTTPS"),
        ("blue-badge=http://127.0.0.1:9/", "not reached by HTTPS"),
        ("https://badges.example/", "KENTCARD_REGISTERS"),
    ],
)
def test_a_register_that_cannot_be_one_is_refused(wrong: str, said: str) -> None:
    with pytest.raises(SettingsFaulty) as refused:
        load_settings({"KENTCARD_REGISTERS": wrong, **TOKENS})
    assert said in str(refused.value)


def test_a_register_without_a_token_is_refused() -> None:
    with pytest.raises(SettingsFaulty, match="set both, or neither"):
        load_settings({"KENTCARD_REGISTERS": "blue-badge=https://badges.example/"})


@pytest.mark.parametrize("content", [None, b"", b"\n", b"two words\n", b"\xc3\xa9\n"])
async def test_a_token_that_is_none_is_said_and_never_repeated(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "blue-badge").write_bytes(content)
    settings = Settings(
        registers="blue-badge=https://badges.example/", register_tokens=str(tmp_path)
    )
    async with register_https.connections() as http:
        with pytest.raises(NotReady, match="token") as refused:
            registers_of(settings, http)
    assert "two words" not in str(refused.value)


async def test_the_registers_that_are_set_are_those_the_worker_asks(tmp_path: Path) -> None:
    (tmp_path / "blue-badge").write_text("secret\n")
    settings = Settings(
        registers="blue-badge=https://badges.example/", register_tokens=str(tmp_path)
    )
    async with register_https.connections() as http:
        assert registers_of(Settings(), http) == {}
        found = registers_of(settings, http)
    assert {kind: one.name for kind, one in found.items()} == {"blue-badge": "badges.example"}
