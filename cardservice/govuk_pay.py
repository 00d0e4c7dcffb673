"""GOV.UK Pay takes payments by bank card; we never see a number of one.

What became of a payment is asked, and never taken from what a browser brings back.
Source: docs.payments.service.gov.uk, API reference: create a payment, get a payment, refund a
payment; payment status lifecycle.
"""

import asyncio
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
import structlog

from cardservice.charge_models import PaymentState
from cardservice.errors import NotReady, PaymentsUnavailable
from cardservice.settings import Settings

URL: Final = "https://publicapi.payments.service.gov.uk"
ANSWER_SECONDS: Final = 10.0
MOST_READ: Final = 64 * 1024
_KEY: Final = re.compile(r"[!-~]{20,200}")
_ID: Final = re.compile(r"[a-zA-Z0-9]{1,64}")
_LOG: Final = structlog.get_logger(__name__)


class _State(msgspec.Struct, frozen=True):
    status: str
    finished: bool


class _Link(msgspec.Struct, frozen=True):
    href: str


class _Links(msgspec.Struct, frozen=True):
    next_url: _Link | None = None


class _RefundSummary(msgspec.Struct, frozen=True):
    status: str = "unavailable"
    amount_available: int = 0


class Standing(msgspec.Struct, frozen=True):
    """A payment as Pay answers it; fields of its answer that are not here are passed over."""

    payment_id: str
    amount: int
    reference: str
    state: _State
    links: _Links = msgspec.field(name="_links", default_factory=_Links)
    refund_summary: _RefundSummary = msgspec.field(default_factory=_RefundSummary)

    @property
    def became(self) -> PaymentState:
        """How far it is: `capturable` never comes, since no capture of ours is delayed."""
        if not self.state.finished:
            return PaymentState.BEGUN
        won = self.state.status == "success"
        return PaymentState.SUCCEEDED if won else PaymentState.FAILED

    @property
    def next_url(self) -> str:
        """Where its payer goes on; empty once there is nothing to go on with."""
        return self.links.next_url.href if self.links.next_url else ""


def is_api_key(text: str) -> bool:
    """Whether it can be a key of Pay's: one word."""
    return _KEY.fullmatch(text) is not None


class GovukPay:
    """Asks GOV.UK Pay.

    Args:
        key: of the API; never logged.
        http: of `connections`.
        url: of Pay, or of what stands for it in a test.
    """

    def __init__(self, key: str, http: httpx.AsyncClient, url: str = URL) -> None:
        self._key, self._http, self._url = key, http, url.rstrip("/")

    async def create(
        self, reference: UUID, *, pence: int, description: str, return_url: str
    ) -> Standing:
        """Begin a payment.

        Raises:
            PaymentsUnavailable: Pay did not answer, or refused; no payment can be made by it.
        """
        asked = {
            "amount": pence,
            "reference": str(reference),
            "description": description,
            "return_url": return_url,
        }
        created = await self._ask("POST", "/v1/payments", HTTPStatus.CREATED, asked)
        if (created.reference, created.amount) != (str(reference), pence) or not created.next_url:
            raise self._unavailable("of-something-else")
        return created

    async def standing(self, provider_id: str) -> Standing:
        """How far a payment is.

        Raises:
            PaymentsUnavailable: Pay did not answer.
        """
        return await self._ask("GET", f"/v1/payments/{_checked(provider_id)}", HTTPStatus.OK, None)

    async def give_back(self, provider_id: str, *, pence: int) -> None:
        """Refund a payment in full; one that was refunded already stays so.

        Raises:
            PaymentsUnavailable: Pay did not answer, or cannot refund it now.
        """
        summary = (await self.standing(provider_id)).refund_summary
        if summary.status == "full":
            return
        if summary.status != "available" or summary.amount_available < pence:
            raise self._unavailable("not-refundable")
        asked = {"amount": pence, "refund_amount_available": summary.amount_available}
        path = f"/v1/payments/{_checked(provider_id)}/refunds"
        await self._send("POST", path, HTTPStatus.ACCEPTED, asked)

    async def _ask(
        self, method: str, path: str, wanted: HTTPStatus, asked: dict[str, Any] | None
    ) -> Standing:
        read = await self._send(method, path, wanted, asked)
        try:
            said = msgspec.json.decode(read, type=Standing)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._unavailable("not-understood") from None
        if not _ID.fullmatch(said.payment_id) or not _is_safe(said.next_url, self._url):
            raise self._unavailable("not-understood")
        return said

    async def _send(
        self, method: str, path: str, wanted: HTTPStatus, asked: dict[str, Any] | None
    ) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._read(method, path, wanted, asked)
        except TimeoutError:
            raise self._unavailable("too-slow") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._unavailable("no-connection") from None

    async def _read(
        self, method: str, path: str, wanted: HTTPStatus, asked: dict[str, Any] | None
    ) -> bytes:
        headers = {"authorization": f"Bearer {self._key}", "accept-encoding": "identity"}
        if asked is not None:
            headers["content-type"] = "application/json"
        body = msgspec.json.encode(asked) if asked is not None else None
        async with self._http.stream(
            method, self._url + path, content=body, headers=headers
        ) as answer:
            if answer.status_code != wanted:
                raise self._unavailable(f"status-{answer.status_code}")
            read = b""
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > MOST_READ:
                    raise self._unavailable("too-long")
        return read

    def _unavailable(self, why: str) -> PaymentsUnavailable:
        _LOG.warning("payments unavailable", why=why)
        return PaymentsUnavailable(
            "Payments cannot be made online at the moment. Nothing was paid."
        )


def pay_of(settings: Settings, http: httpx.AsyncClient) -> GovukPay | None:
    """GOV.UK Pay as the settings say; None where payments are taken at desks alone.

    Raises:
        NotReady: the file of the key cannot be read or holds none.
    """
    if not settings.govuk_pay_key_file:
        return None
    path = Path(settings.govuk_pay_key_file)
    try:
        key = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise NotReady(f"{path}: the GOV.UK Pay key cannot be read ({why}).") from None
    if not is_api_key(key):
        raise NotReady(f"{path}: its first line is not an API key of GOV.UK Pay.")
    address = urlsplit(settings.govuk_pay_url)
    if address.scheme != "https" and address.hostname not in {"127.0.0.1", "localhost"}:
        raise NotReady(f"{settings.govuk_pay_url} is not reached by HTTPS.")
    return GovukPay(key, http, settings.govuk_pay_url)


def connections() -> httpx.AsyncClient:
    """Connections to Pay: no proxy of the environment, and no redirect is followed."""
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113  (each question is given its time as a whole)
    )


def _checked(provider_id: str) -> str:
    if not _ID.fullmatch(provider_id):
        raise PaymentsUnavailable("This payment has no name that could be asked for.")
    return provider_id


def _is_safe(next_url: str, url: str) -> bool:
    """Payers are sent by HTTPS only, or to where Pay itself is on this machine."""
    return not next_url or urlsplit(next_url).scheme == "https" or next_url.startswith(url)
