"""Settings: every fault is told at once, and the environment wins over the file."""

from pathlib import Path

import pytest

from readers.contract.products import Product
from readers.contract.services import Service
from readers.terminal.errors import SettingsRefused
from readers.terminal.settings import Settings, read_settings


def faults(environ: dict[str, str], config: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        read_settings(environ, config)
    return refused.value.faults


def test_without_any_setting_the_defaults_hold() -> None:
    assert read_settings({}) == Settings()


def test_every_setting_can_come_from_the_environment() -> None:
    environ = {
        "KENTCARD_TERMINAL_SERVER_URL": "https://card.example.org/",
        "KENTCARD_TERMINAL_STATE_DIR": "/var/lib/kentcard",
        "KENTCARD_TERMINAL_READER": "Kent Reader 1",
        "KENTCARD_TERMINAL_SCREEN_PORT": "8099",
        "KENTCARD_TERMINAL_SERVICE": "library",
        "KENTCARD_TERMINAL_PRODUCT": "library-kiosk",
        "KENTCARD_TERMINAL_KEYBOARD": "true",
        "KENTCARD_TERMINAL_TILL_SECRET_FILE": "/etc/kentcard/till.secret",
        "KENTCARD_DEMO": "1",
        "HOME": "/somewhere",
    }
    assert read_settings(environ) == Settings(
        server_url="https://card.example.org",
        state_dir=Path("/var/lib/kentcard"),
        reader="Kent Reader 1",
        screen_port=8099,
        service=Service.LIBRARY,
        product=Product.LIBRARY_KIOSK,
        keyboard=True,
        till_secret_file=Path("/etc/kentcard/till.secret"),
        demo=True,
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text('reader = "A"\nscreen_port = 8020\n')
    settings = read_settings({"KENTCARD_TERMINAL_READER": "B"}, config)
    assert (settings.reader, settings.screen_port) == ("B", 8020)


def test_a_file_with_three_faults_and_an_environment_with_one_are_told_all_four(
    tmp_path: Path,
) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text('server_url = "ftp://x"\nscreen_port = "many"\nservices = "library"\n')
    told = faults({"KENTCARD_TERMINAL_SERVICE": "parking"}, config)
    assert len(told) == 4
    for name in ("server_url", "screen_port", "services", "service must"):
        assert any(name in fault for fault in told), name


@pytest.mark.parametrize(
    "url",
    [
        "", "card.example.org", "http://card.example.org", "https://", "https://u:p@x.org",
        "https://x.org/?a=1", "https://x.org:99999", "http://10.0.0.1", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_a_server_that_would_be_spoken_to_in_clear_or_cannot_be_reached(url: str) -> None:
    (fault,) = faults({"KENTCARD_TERMINAL_SERVER_URL": url})
    assert fault.startswith("server_url")


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000", "https://x.org"]
)
def test_a_server_on_this_machine_may_be_spoken_to_in_clear(url: str) -> None:
    assert read_settings({"KENTCARD_TERMINAL_SERVER_URL": url}).server_url == url


@pytest.mark.parametrize("port", ["0", "65536", "-1", "8 0", "", "٨٠"])
def test_a_port_that_is_none(port: str) -> None:
    (fault,) = faults({"KENTCARD_TERMINAL_SCREEN_PORT": port})
    assert fault.startswith("screen_port")


@pytest.mark.parametrize(
    "line",
    ["till_secret_file = 5", 'till_secret_file = " "', r'till_secret_file = "/a\u0000b"'],
)
def test_a_path_of_the_tills_secret_that_is_none(tmp_path: Path, line: str) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text(line)
    (fault,) = faults({}, config)
    assert fault.startswith("till_secret_file must be the path")


def test_a_misspelt_variable_is_told_and_not_ignored() -> None:
    (fault,) = faults({"KENTCARD_TERMINAL_SERVERURL": "https://x.org"})
    assert "KENTCARD_TERMINAL_SERVERURL" in fault


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    (fault,) = faults({"KENTCARD_TERMINAL_STATE_DIR": str(tmp_path / "state")})
    assert "is a file" in fault


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "cannot be read"),
        (b"reader = ", "not TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"reader = 7\n", "reader must"),
        (b"state_dir = 7\n", "state_dir must"),
        (b'product = "coffee-machine"\n', "product must be one of validator, library-kiosk"),
        (b"product = 7\n", "product must"),
        (b'keyboard = "loud"\n', "keyboard must"),
        (b"keyboard = 2\n", "keyboard must"),
    ],
)
def test_a_settings_file_that_cannot_be_used(
    tmp_path: Path, content: bytes | None, word: str
) -> None:
    config = tmp_path / "terminal.toml"
    if content is not None:
        config.write_bytes(content)
    (fault,) = faults({}, config)
    assert word in fault


def test_demo_mode_is_never_set_by_the_file(tmp_path: Path) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text("demo = true\n")
    assert "demo" in faults({}, config)[0]
