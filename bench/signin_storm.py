"""What a tap waits for while far more people sign in than the server can hash passwords for.

One ``kentcard serve`` on PostgreSQL with everything on, a terminal that uploads a tap every 50 ms,
and a storm: sign-ins come at a steady rate, whatever the server answers, each from an address of
its own, a third with a wrong password. Quiet and storm take turns, so that what else this machine
does falls on both; how much it does, idle turns against idle turns show. The storm is made by a
process of its own at a lower priority: in service it would be other machines.
"""

import asyncio
import multiprocessing
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardservice import schema, terminals
from cardservice.database import Database
from cardservice.terminals import Role
from identity import accounts, passwords
from identity.hashing import WORKERS
from identity.keys import FileKeyStore
from identity.personal import Vault
from identity.signin_models import AccountPassword
from readers.contract import wire
from readers.contract.services import Service
from tests.support.people import CLERK, JEAN
from tests.support.postgresql import cluster
from tests.support.server import Machine, tap

ROUNDS = 10
SECONDS = 2.0
SETTLE = 0.5
TAP_EVERY = 0.05
SIGN_INS_A_SECOND = 60
RESIDENTS = 40
PASSWORD = "turnip lantern oxbow river"  # noqa: S105  (of nobody)
PASSPHRASE = "a passphrase for a bench"  # noqa: S105  (of a store that is gone afterwards)
GOAL = 1.5
READY_SECONDS = 120
FORM_COOKIE = "__Host-kentcard-form"


class Storm:
    """Sign-ins at a steady rate, from a process of its own."""

    def __init__(self, port: int, orders: Connection) -> None:
        self.port = port
        self.orders = orders
        self.token = self.cookie = ""
        self.sent = 0

    async def run(self) -> None:
        """Storm for as many seconds as each order says; answer with what was answered."""
        os.nice(5)
        self.cookie, self.token = await asyncio.to_thread(form_of, self.port)
        self.orders.send(None)
        while seconds := await asyncio.to_thread(self.orders.recv):
            self.orders.send(await self.rage(seconds))

    async def rage(self, seconds: float) -> Counter[int]:
        answers: Counter[int] = Counter()
        started, tasks = time.perf_counter(), []
        for number in range(int(seconds * SIGN_INS_A_SECOND)):
            await asyncio.sleep(started + number / SIGN_INS_A_SECOND - time.perf_counter())
            tasks.append(asyncio.create_task(self.sign_in(answers)))
        await asyncio.gather(*tasks)
        return answers

    async def sign_in(self, answers: Counter[int]) -> None:
        self.sent += 1
        right = self.sent % 3
        typed = {
            "csrf_token": self.token,
            "email": address_of(self.sent % RESIDENTS) if right else f"{self.sent}@example.org",
            "password": PASSWORD,
        }
        body = urlencode(typed).encode()
        head = (
            "POST /sign-in/password HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            f"x-forwarded-for: {secrets.randbelow(200) + 1}.{self.sent >> 8 & 255}."
            f"{self.sent & 255}.1\r\ncookie: {FORM_COOKIE}={self.cookie}\r\n"
            "content-type: application/x-www-form-urlencoded\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        answers[int(answer[9:12])] += 1


def form_of(port: int) -> tuple[str, str]:
    """The cookie and the token that forms are sent with."""
    answer = httpx.get(f"http://127.0.0.1:{port}/sign-in/password", trust_env=False)
    cookie = re.search(rf"{FORM_COOKIE}=([^;]+)", answer.headers["set-cookie"])
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert cookie
    assert token
    return cookie[1], token[1]


def storm(port: int, orders: Connection) -> None:
    """What the process of the storm does."""
    asyncio.run(Storm(port, orders).run())


def address_of(number: int) -> str:
    """A resident's."""
    return f"resident{number}@example.com"


@contextmanager
def serving(url: str, directory: Path, port: int) -> Iterator[None]:
    """``kentcard serve`` as an operator runs it."""
    around = {name: value for name, value in os.environ.items() if name[:9] != "KENTCARD_"}
    around |= {
        "KENTCARD_DATABASE_URL": url.replace("+asyncpg", ""),
        "KENTCARD_KEYS": str(directory / "keys"),
        "KENTCARD_KEYS_PASSPHRASE_FILE": str(directory / "passphrase"),
        "KENTCARD_TRUSTED_PROXIES": "127.0.0.1",
    }
    words = [sys.executable, "-m", "cardservice.cli", "serve", "--port", str(port)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(words, env=around, stdout=log, stderr=log)
        try:
            until = time.monotonic() + READY_SECONDS
            while not ready(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((directory / "log").read_text(errors="replace"))
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def ready(port: int) -> bool:
    """Whether the server answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


async def prepare(url: str, keystore: FileKeyStore) -> str:
    """The schema, residents with passwords, and a terminal; answers its enrolment code."""
    database, vault, now = Database(url), Vault(keystore), clock()
    await schema.upgrade(database.engine)
    stored = await passwords.hash_password(PASSWORD)
    async with database.transaction() as session:
        for number in range(RESIDENTS):
            details = msgspec.structs.replace(JEAN, email=address_of(number))
            account = await accounts.register(session, vault, details, actor=CLERK, now=now)
            session.add(
                AccountPassword(account_id=account.id, password_hash=stored, changed_at=now)
            )
        purposes = (wire.Purpose.VALIDATE,)
        role = Role(name="Kiosk", place="Kiosk", services=(Service.LIBRARY,), purposes=purposes)
        made = await terminals.create(session, role, actor=CLERK, now=now)
        code = await terminals.new_code(session, made.id, actor=CLERK, now=now)
    await database.close()
    return code


class Kiosk:
    """A terminal that uploads taps one by one."""

    def __init__(self, http: httpx.AsyncClient, machine: Machine) -> None:
        self.http = http
        self.machine = machine
        self.sequence = 0

    async def upload_for(self, seconds: float) -> list[float]:
        """Upload at a steady pace; how many seconds each took."""
        took, started = [], time.perf_counter()
        for number in range(int(seconds / TAP_EVERY)):
            await asyncio.sleep(started + number * TAP_EVERY - time.perf_counter())
            self.sequence += 1
            body = msgspec.json.encode(wire.TapUpload(taps=[tap(self.sequence)]))
            header = self.machine.header()
            began = time.perf_counter()
            answer = await self.http.post(wire.TAPS_PATH, headers=header, content=body)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text
        return took


async def enrolled(http: httpx.AsyncClient, code: str, url: str) -> Machine:
    """The terminal behind the code."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    asked = wire.EnrolRequest(code=code, public_key=public)
    answer = await http.post(wire.ENROL_PATH, content=msgspec.json.encode(asked))
    terminal = msgspec.json.decode(answer.content, type=wire.Enrolled).terminal_id
    return Machine(UUID(terminal), key, clock, url)  # type: ignore[arg-type]  # any clock will do


async def measure(port: int, code: str, orders: Connection) -> None:
    """Take turns, and print what a tap waited for."""
    url = f"http://127.0.0.1:{port}"
    quiet: list[float] = []
    stormy: list[float] = []
    answers: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        kiosk = Kiosk(http, await enrolled(http, code, url))
        await kiosk.upload_for(2)
        for _ in range(ROUNDS):
            quiet += await kiosk.upload_for(SECONDS)
            orders.send(SECONDS + SETTLE)
            await asyncio.sleep(SETTLE)
            stormy += await kiosk.upload_for(SECONDS)
            answers += await asyncio.to_thread(orders.recv)
    orders.send(0)
    report(quiet, stormy, answers)


def report(quiet: list[float], stormy: list[float], answers: Counter[int]) -> None:
    """Print both, and the ratio."""
    whole = ROUNDS * (SECONDS + SETTLE)
    print(f"{os.cpu_count()} cores, {WORKERS} hashing; {ROUNDS} turns of {SECONDS:.0f} s each")
    print(
        f"storm: {SIGN_INS_A_SECOND} sign-ins/s came; {answers[303] / whole:.0f}/s signed in, "
        f"{answers[422] / whole:.0f}/s refused, {answers[503] / whole:.0f}/s told to come again"
    )
    others = {status: many for status, many in answers.items() if status not in {303, 422, 503}}
    if others:
        print(f"  other answers: {others}")
    turn = int(SECONDS / TAP_EVERY)
    turns = [quiet[at : at + turn] for at in range(0, len(quiet), turn)]
    halves = [[each for one in turns[which::2] for each in one] for which in (0, 1)]
    for name, at in (("p50", 49), ("p95", 94)):
        calm, storm, one, other = (
            statistics.quantiles(took, n=100)[at] for took in (quiet, stormy, *halves)
        )
        print(
            f"  tap upload {name}: idle {calm * 1e3:6.1f} ms  storm {storm * 1e3:6.1f} ms  "
            f"ratio {storm / calm:5.2f} (goal {GOAL}; idle against idle {one / other:4.2f})"
        )


def clock() -> datetime:
    """The time: a bench is an entry point."""
    return datetime.now(UTC)  # noqa: TID251  (an entry point)


def main() -> None:
    """Print the ratio."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: Final[int] = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name, cluster() as url:
        directory = Path(name)
        (directory / "passphrase").write_text(PASSPHRASE)
        keystore = FileKeyStore.initialise(directory / "keys", PASSPHRASE, now=clock())
        code = asyncio.run(prepare(url, keystore))
        with serving(url, directory, port):
            ours, theirs = multiprocessing.Pipe()
            process: Any = multiprocessing.get_context("spawn").Process(
                target=storm, args=(port, theirs)
            )
            process.start()
            ours.recv()
            asyncio.run(measure(port, code, ours))
            process.join()


if __name__ == "__main__":
    main()
