"""A register behind an address that answers one question in JSON, over HTTPS.

Asked is `POST` with `{"kind", "reference", "family_name", "birth_date"}` (of an address `postcode`
in place of `birth_date`). The one answer that is a yes is 200 with
`{"answer": "found", "kind", "dated", "until"}`, dates as `YYYY-MM-DD` or null; a no is
`{"answer": "not-found"}`. Anything else is no answer.
"""

import asyncio
from datetime import date, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from entitlements.references import Answer, Found, NotFound, NotNow, Subject

ANSWER_SECONDS: Final = 10.0
"""For the connection and the whole answer, however it trickles in."""
MOST_READ: Final = 4096
_HEADERS: Final = {
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": "identity",  # nothing of theirs is ever unpacked
    "user-agent": "Kent-Card-References/1",
}
_LOG: Final = structlog.get_logger(__name__)


class _Yes(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="found"
):
    kind: str
    dated: date | None
    until: date | None


class _No(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="answer", tag="not-found"
):
    """It has no other field."""


_ANSWERS: Final = msgspec.json.Decoder(_Yes | _No)


class HttpsRegister:
    """A register at an address.

    Args:
        kind: of the evidence it stands for.
        url: where it is asked.
        token: sent as a bearer token; never logged.
        http: of `connections`.
        seconds: for one question in all.
    """

    def __init__(
        self,
        kind: str,
        url: str,
        token: str,
        http: httpx.AsyncClient,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.name = urlsplit(url).hostname or url
        self._kind, self._url, self._token = kind, url, token
        self._http, self._seconds = http, seconds

    async def look_up(self, reference: str, subject: Subject, *, now: datetime) -> Answer:
        """Ask once. Whatever happens is an answer, never an exception."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._asked(reference, subject)
        except TimeoutError:
            answer = NotNow("too-slow")
        except httpx.RemoteProtocolError:
            answer = NotNow("not-http")
        except (httpx.HTTPError, httpx.InvalidURL):
            answer = NotNow("no-connection")
        if isinstance(answer, NotNow):
            _LOG.warning("register gave no answer", register=self.name, why=answer.reason, at=now)
        return answer

    async def _asked(self, reference: str, subject: Subject) -> Answer:
        question = {"kind": self._kind, "reference": reference} | msgspec.to_builtins(subject)
        async with self._http.stream(
            "POST",
            self._url,
            content=msgspec.json.encode(question),
            headers={**_HEADERS, "authorization": f"Bearer {self._token}"},
        ) as response:
            if response.status_code != HTTPStatus.OK:
                return NotNow(f"status-{response.status_code}")
            if response.headers.get("content-type", "").split(";")[0].strip() != "application/json":
                return NotNow("not-json")
            read = b""
            async for chunk in response.aiter_raw(MOST_READ):
                read += chunk
                if len(read) > MOST_READ:
                    return NotNow("too-long")
        return self._understood(read)

    def _understood(self, read: bytes) -> Answer:
        try:
            said = _ANSWERS.decode(read)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return NotNow("not-understood")
        if isinstance(said, _No):
            return NotFound()
        if said.kind != self._kind:
            return NotNow("of-something-else")
        return Found(said.kind, said.dated, said.until)


def connections() -> httpx.AsyncClient:
    """Connections for questions: no proxy of the environment, and no redirect is followed."""
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113  (`look_up` gives the whole of a question its time)
    )
