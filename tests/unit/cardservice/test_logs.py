"""The log is JSON lines in service, plain lines in the demo, and tells no variable's value."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from cardservice import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _fail() -> None:
    birth_date = "1960-07-31"
    raise LookupError(f"a fault of {len(birth_date)} letters")


@pytest.mark.parametrize("plain", [False, True])
def test_a_fault_is_told_without_the_values_of_variables(
    capsys: pytest.CaptureFixture[str], *, plain: bool
) -> None:
    logs.configure(plain=plain)
    try:
        _fail()
    except LookupError as error:
        structlog.get_logger("kent").error("request failed", exc_info=error)
    told = capsys.readouterr().err
    assert "LookupError" in told
    assert "1960-07-31" not in told.replace('birth_date = "1960-07-31"', "")


def test_text_from_outside_begins_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(plain=False)
    evil = 'x"}\n{"level": "info", "event": "all is well"}\r\n\x1b[2J\u2028'
    structlog.get_logger("kent").warning("form refused", path=evil, **{"rea\nson": "y"})
    logging.getLogger("a.library").warning("Said %s", evil)
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 2
    assert told.count("\n") == 2
    lines = [json.loads(line) for line in told.splitlines()]
    assert lines[0]["path"] == evil
    assert "\x1b" not in told


def test_a_line_says_when_in_utc_how_grave_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(plain=False)
    structlog.get_logger("cardservice.web").warning("form refused")
    line = json.loads(capsys.readouterr().err)
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
    assert (line["level"], line["logger"]) == ("warning", "cardservice.web")


def test_in_service_each_line_is_json_whoever_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(plain=False)
    structlog.get_logger("kent").info("card session ended", result="done")
    logging.getLogger("a.library").info("Started")  # no other test has set its level
    logging.getLogger("httpx").info("GET http://localhost/secret")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["card session ended", "Started"]
    assert lines[0]["result"] == "done"
