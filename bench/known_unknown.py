"""Whether the time of an answer tells who has an account: known addresses beside unknown ones.

One ``kentcard serve`` on PostgreSQL with everything on. A wrong password, and a wish for a code,
are sent in turns for an address with an account and for one without, each from a network of its
own.
The ratio of medians is printed beside that of known addresses against known ones, which is noise.
Source: OWASP ASVS 5.0, 6.3.8.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench._server import free_port
from bench.signin_storm import (
    FORM_COOKIE,
    PASSPHRASE,
    RESIDENTS,
    address_of,
    clock,
    form_of,
    prepare,
    serving,
)
from identity.keys import FileKeyStore
from tests.support.postgresql import cluster

ROUNDS = 3
"""For each resident: fewer than the failures, and the codes, that are free."""
WARM_UP = 10
GOAL = 1.1
DOORS = {
    "wrong password": ("/sign-in/password", {"password": "turnip lantern oxbow rivet"}),
    "asking for a code": ("/sign-in", {}),
}


class Asker:
    """Somebody who asks in the name of many, each time from somewhere else."""

    def __init__(self, http: httpx.AsyncClient, cookie: str, token: str) -> None:
        self.http = http
        self.cookie = cookie
        self.token = token
        self.sent = 0

    async def ask(self, door: str, email: str) -> float:
        """How many seconds the answer took."""
        self.sent += 1
        path, typed = DOORS[door]
        headers = {
            "cookie": f"{FORM_COOKIE}={self.cookie}",
            "x-forwarded-for": f"10.1.{self.sent >> 8 & 255}.{self.sent & 255}",
        }
        form = {"csrf_token": self.token, "email": email, **typed}
        began = time.perf_counter()
        answer = await self.http.post(path, headers=headers, data=form)
        took = time.perf_counter() - began
        assert answer.status_code in {303, 422}, answer.text
        return took


async def measure(port: int) -> None:
    """Ask in turns, and print what each door tells."""
    cookie, token = await asyncio.to_thread(form_of, port)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as http:
        asker = Asker(http, cookie, token)
        for door in DOORS:
            for number in range(WARM_UP):
                await asker.ask(door, f"warm{number}@example.org")
            known: list[float] = []
            unknown: list[float] = []
            for turn in range(ROUNDS):
                for number in range(RESIDENTS):
                    known.append(await asker.ask(door, address_of(number)))
                    stranger = f"stranger{turn * RESIDENTS + number}@example.org"
                    unknown.append(await asker.ask(door, stranger))
            report(door, known, unknown)


def report(door: str, known: Sequence[float], unknown: Sequence[float]) -> None:
    """Print both medians, their ratio, and what noise alone makes of one."""
    one, other = statistics.median(known[::2]), statistics.median(known[1::2])
    ours, theirs = statistics.median(known), statistics.median(unknown)
    print(
        f"  {door}: known {ours * 1e3:6.1f} ms  unknown {theirs * 1e3:6.1f} ms  "
        f"ratio {ours / theirs:4.2f} (goal at most {GOAL} either way; known against known "
        f"{one / other:4.2f}; {len(known)} of each)"
    )


def main() -> None:
    """Print the ratios."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name, cluster() as url:
        directory = Path(name)
        (directory / "passphrase").write_text(PASSPHRASE)
        keystore = FileKeyStore.initialise(directory / "keys", PASSPHRASE, now=clock())
        asyncio.run(prepare(url, keystore))
        with serving(url, directory, port):
            asyncio.run(measure(port))


if __name__ == "__main__":
    main()
