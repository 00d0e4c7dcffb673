"""GOV.UK Notify as it documents itself, over loopback: tokens, shapes, answers, retries."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import select

from cardservice.carriers import carrier_of
from cardservice.database import Database
from cardservice.errors import NotReady
from cardservice.settings import Settings
from identity import outbox
from identity.models import OutboxMessage
from identity.notify import NO_TEMPLATE, REFUSED, NotifyCarrier, Templates
from identity.outbox import Delivery
from identity.outbox_files import OutboxFiles
from identity.personal import Vault
from tests.support.people import NOW

SERVICE = "26785a09-ab16-4eb0-8407-a37497a57506"
SECRET = "3d844edf-8d35-48ac-975b-e847b4f122b0"
KEY = f"kentcard-{SERVICE}-{SECRET}"
EMAIL = "9d751e0e-f929-4891-82a1-a3e1c3c18ee3"
TEXT = "1cadadb5-8a9b-4d5c-9b8a-a9d8ec2a1f4e"
DEVICE = "f33517ff-2a88-4f6e-b855-c550268ce08a"
TEMPLATES = Templates({"email": EMAIL, "text": TEXT, "email:new-device": DEVICE})
TO, NUMBER = "jean@example.com", "+447400123456"


class Notify:
    """What answers as Notify's documentation says, and keeps what it was sent."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[str] = []
        self.status = 201

    def judge(self, path: str, authorisation: str, kind: str, body: dict[str, Any]) -> int:
        """The status of the answer. Tokens: HS256, `iss` the service, `iat` within 30 seconds."""
        token = authorisation.removeprefix("Bearer ")
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["iat"]})
        if jwt.get_unverified_header(token) != {"typ": "JWT", "alg": "HS256"}:
            self.faults.append("header")
        if claims["iss"] != SERVICE or abs(claims["iat"] - datetime.now(UTC).timestamp()) > 30:  # noqa: TID251  (what Notify does)
            self.faults.append("claims")
        needed = {"email": "email_address", "sms": "phone_number"}[path.rsplit("/", 1)[1]]
        if kind != "application/json" or not {needed, "template_id"} <= set(body):
            self.faults.append("shape")
        if self.status == 201:
            self.taken.append((path, body))
        return self.status


@contextmanager
def answering() -> Iterator[Notify]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told, kind = self.headers["authorization"], self.headers["content-type"]
            status = standing_in.judge(self.path, told, kind, body)
            answer = json.dumps(ANSWERS.get(status, {"id": "740e5834"})).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing_in = Notify(server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield standing_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


ANSWERS = {
    400: {
        "status_code": 400,
        "errors": [{"error": "ValidationError", "message": f"{TO} is not a valid email address"}],
    },
    403: {"status_code": 403, "errors": [{"error": "AuthError", "message": "Invalid token"}]},
    429: {"status_code": 429, "errors": [{"error": "RateLimitError", "message": "Exceeded"}]},
    500: {"status_code": 500, "errors": [{"error": "Exception", "message": "Internal"}]},
}


@pytest.fixture
def notify() -> Iterator[Notify]:
    with answering() as running:
        yield running
        assert not running.faults


async def queue(database: Database, vault: Vault, to: str = TO, kind: str = "sign-in-code") -> None:
    async with database.transaction() as session:
        until = NOW + timedelta(hours=20)
        outbox.queue(session, vault, to, kind, "Your code\n\nis 1.", useful_until=until, now=NOW)


async def deliver(
    database: Database, vault: Vault, notify: Notify, now: datetime = NOW
) -> Delivery:
    carrier = NotifyCarrier(KEY, TEMPLATES, notify.url)
    return await outbox.deliver(database.transaction, vault, carrier, now=now)


async def failure(database: Database) -> str | None:
    async with database.transaction() as session:
        return (await session.scalars(select(OutboxMessage.failure))).one()


async def test_messages_go_out_in_the_shape_that_notify_documents(
    identity_database: Database, vault: Vault, notify: Notify
) -> None:
    for to, kind in ((TO, "sign-in-code"), (NUMBER, "sign-in-code"), (TO, "new-device")):
        await queue(identity_database, vault, to, kind)
    assert await deliver(identity_database, vault, notify) == Delivery(3, 0, 0)
    assert await deliver(identity_database, vault, notify) == Delivery(0, 0, 0)
    sent = {(path, body["template_id"]): body for path, body in notify.taken}
    assert set(sent) == {
        ("/v2/notifications/email", EMAIL),
        ("/v2/notifications/sms", TEXT),
        ("/v2/notifications/email", DEVICE),
    }
    assert sent["/v2/notifications/sms", TEXT]["phone_number"] == NUMBER
    for body in sent.values():
        assert body["personalisation"] == {"text": "Your code\n\nis 1."}
        assert len(body["reference"]) == 36


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_what_time_or_somebody_puts_right_is_tried_again_later_and_later(
    identity_database: Database, vault: Vault, notify: Notify, status: int
) -> None:
    await queue(identity_database, vault)
    notify.status = status
    now = NOW
    for wait in outbox.WAITS:
        assert await deliver(identity_database, vault, notify, now) == Delivery(0, 1, 0)
        early = now + wait - timedelta(seconds=1)
        assert await deliver(identity_database, vault, notify, early) == Delivery(0, 0, 0)
        now += wait
    notify.status = 201
    assert await deliver(identity_database, vault, notify, now) == Delivery(1, 0, 0)


async def test_in_the_end_a_message_is_given_up(
    identity_database: Database, vault: Vault, notify: Notify
) -> None:
    async with identity_database.transaction() as session:
        outbox.queue(session, vault, TO, "new-device", "Hello", now=NOW)
    notify.status = 500
    now = NOW
    for wait in outbox.WAITS:
        await deliver(identity_database, vault, notify, now)
        now += wait
    assert await deliver(identity_database, vault, notify, now) == Delivery(0, 0, 1)
    assert await failure(identity_database) == outbox.TRIED_ENOUGH
    async with identity_database.transaction() as session:
        assert await outbox.standing(session) == {"sent": 0, "waiting": 0, "tried-enough": 1}


async def test_an_address_that_notify_refuses_is_given_up_at_once_and_not_logged(
    identity_database: Database,
    vault: Vault,
    notify: Notify,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    await queue(identity_database, vault)
    notify.status = 400
    assert await deliver(identity_database, vault, notify) == Delivery(0, 0, 1)
    assert await failure(identity_database) == REFUSED
    said = caplog.text + "".join(capsys.readouterr())
    assert "refused" in said
    assert not any(secret in said for secret in (TO, SECRET, "Your code"))


async def test_a_notify_that_does_not_answer_is_tried_again(
    identity_database: Database, vault: Vault
) -> None:
    with answering() as gone:
        pass
    await queue(identity_database, vault)
    assert await deliver(identity_database, vault, gone) == Delivery(0, 1, 0)


async def test_a_code_that_has_run_out_is_not_sent_any_more(
    identity_database: Database, vault: Vault, notify: Notify
) -> None:
    await queue(identity_database, vault)
    late = NOW + timedelta(hours=20)
    assert await deliver(identity_database, vault, notify, late) == Delivery(0, 0, 1)
    assert await failure(identity_database) == outbox.TOO_LATE
    assert notify.taken == []


async def test_a_message_without_a_template_is_given_up(
    identity_database: Database, vault: Vault, notify: Notify
) -> None:
    await queue(identity_database, vault)
    carrier = NotifyCarrier(KEY, Templates({"text": TEXT}), notify.url)
    done = await outbox.deliver(identity_database.transaction, vault, carrier, now=NOW)
    assert done == Delivery(0, 0, 1)
    assert await failure(identity_database) == NO_TEMPLATE


def test_files_one_can_read_are_the_default_and_a_key_brings_notify(tmp_path: Path) -> None:
    assert isinstance(carrier_of(Settings()), OutboxFiles)
    file = tmp_path / "key"
    settings = Settings(notify_api_key_file=str(file), notify_templates=f"email={EMAIL}")
    with pytest.raises(NotReady, match="cannot be read"):
        carrier_of(settings)
    file.write_text("not a key at all")
    with pytest.raises(NotReady, match="not an API key") as raised:
        carrier_of(settings)
    assert "not a key at all" not in str(raised.value)
    file.write_text(f"{KEY}\n")
    assert isinstance(carrier_of(settings), NotifyCarrier)
