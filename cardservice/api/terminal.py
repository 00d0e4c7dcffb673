"""What a terminal asks of the server over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from litestar.types import Guard
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import front_desk, hotlist, metrics, pairing, taps, terminal_health, terminals
from cardservice.api.guards import KEPT_WHEN_REVOKED, signed_by_terminal
from cardservice.card_sessions import Means
from cardservice.checks import check
from cardservice.database import Database
from cardservice.errors import ServiceNotAllowed, TerminalRevoked
from cardservice.taps import Ingested
from cardservice.terminals import KnownTerminal
from cardservice.web.problems import STATUS, problem, title_of
from entitlements.status_lists import StatusLists
from identity.keys import Purpose
from identity.personal import Vault
from readers.contract.front_desk import FRONT_DESK_PATH, Seen, SeenTaken
from readers.contract.health import HEALTH_PATH, HealthReport, HealthTaken
from readers.contract.wire import (
    BUNDLE_PATH,
    CHECKS_PATH,
    ENROL_PATH,
    LISTS_IN_SHARDS,
    PAIRING_PATH,
    READ_KEYS_PATH,
    TAPS_PATH,
    CheckAnswer,
    CheckRequest,
    Enrolled,
    EnrolRequest,
    PairingOffer,
    ReadKeys,
    SignedBundle,
    TapsStored,
    TapUpload,
)

LARGEST_REPORT: Final = 16 * 1024

FromTerminal = Request[KnownTerminal, Any, Any]


@post(ENROL_PATH, status_code=200, opt={"public": "the one-time code in the body is what admits"})
async def enrol(
    data: JSONBody[EnrolRequest],
    session: NamedDependency[AsyncSession],
    means: NamedDependency[Means],
    now: NamedDependency[datetime],
) -> Enrolled:
    """Make the machine that holds the code a terminal."""
    terminals.check_version(data.wire_version)  # before the code is used up
    terminal = await terminals.enrol(session, data.code, data.public_key, now=now)
    return Enrolled(
        terminal_id=str(terminal.id),
        name=terminal.name,
        bundle_keys=hotlist.public_keys(means.keystore, Purpose.BUNDLE_SIGN),
        server_time=now,
    )


class TerminalApi(Controller):
    """Everything after enrolment: signed by the terminal's key."""

    guards: Sequence[Guard] | None = (signed_by_terminal,)

    @get(BUNDLE_PATH)
    async def bundle(
        self,
        request: FromTerminal,
        session: NamedDependency[AsyncSession],
        means: NamedDependency[Means],
        status_lists: NamedDependency[StatusLists],
        now: NamedDependency[datetime],
        lists: FromQuery[str] = "",
    ) -> SignedBundle:
        """What the terminal needs to decide offline; its lists whole unless it asks for shards."""
        await terminals.seen(session, request.user, now=now)
        token = await hotlist.bundle(
            session,
            means.keystore,
            status_lists,
            request.user,
            in_shards=lists == LISTS_IN_SHARDS,
            now=now,
        )
        return SignedBundle(token=token, server_time=now)

    @get(READ_KEYS_PATH)
    async def read_keys(
        self,
        request: FromTerminal,
        session: NamedDependency[AsyncSession],
        means: NamedDependency[Means],
        now: NamedDependency[datetime],
    ) -> Response[ReadKeys]:
        """The read masters of the terminal's own services, without those that were retired."""
        keys = await hotlist.read_keys(session, means.keystore, request.user, now=now)
        return Response(keys, headers={"cache-control": "no-store"})

    @post(PAIRING_PATH, status_code=200)
    async def pairing_code(
        self,
        request: FromTerminal,
        session: NamedDependency[AsyncSession],
        vault: NamedDependency[Vault],
        now: NamedDependency[datetime],
    ) -> Response[PairingOffer]:
        """A code for the terminal's screen, with which a clerk makes it serve their browser."""
        code = await pairing.offer_code(session, vault, request.user, now=now)
        offer = PairingOffer(code=code, expires_at=now + pairing.CODE_LASTS, server_time=now)
        return Response(offer, headers={"cache-control": "no-store"})

    @post(TAPS_PATH, status_code=200, opt={KEPT_WHEN_REVOKED: True})
    async def upload_taps(
        self,
        request: FromTerminal,
        data: JSONBody[TapUpload],
        session: NamedDependency[AsyncSession],
        now: NamedDependency[datetime],
    ) -> Response[Any]:
        """Store a batch of taps.

        A revoked terminal is refused. What it sent is kept all the same, marked and trusted by
        nobody, because its last honest taps may be among it; it gets no receipt, so that it keeps
        them too.
        """
        ingested = await taps.ingest(session, request.user, data.taps, now=now)
        metrics.TAPS.inc(ingested.new)
        metrics.TAP_CONFLICTS.inc(ingested.conflicts)
        if request.user.revoked:
            return _refused(request, ingested)
        stored = TapsStored(stored=list(ingested.stored), new=ingested.new, server_time=now)
        return Response(stored)

    @post(HEALTH_PATH, status_code=200, request_max_body_size=LARGEST_REPORT)
    async def report_health(
        self,
        request: FromTerminal,
        data: JSONBody[HealthReport],
        session: NamedDependency[AsyncSession],
        now: NamedDependency[datetime],
    ) -> HealthTaken:
        """Keep what the terminal says of its own state, in place of what it said before."""
        await terminal_health.take(session, request.user, data, now=now)
        metrics.heard_of(str(request.user.id), data.taps_waiting, now)
        return HealthTaken(server_time=now)

    @post(FRONT_DESK_PATH, status_code=200)
    async def laid_at_desk(
        self,
        request: FromTerminal,
        data: JSONBody[Seen],
        session: NamedDependency[AsyncSession],
        vault: NamedDependency[Vault],
        now: NamedDependency[datetime],
    ) -> SeenTaken:
        """Tell the clerk whose browser this terminal serves what was laid on its reader."""
        answer = await front_desk.take(session, vault, request.user, data, now=now)
        return SeenTaken(answer=answer, server_time=now)

    @post(CHECKS_PATH, status_code=200)
    async def check(
        self,
        request: FromTerminal,
        data: JSONBody[CheckRequest],
        database: NamedDependency[Database],
        vault: NamedDependency[Vault],
        now: NamedDependency[datetime],
    ) -> CheckAnswer:
        """What the server knows now about the card in the field.

        Raises:
            ServiceNotAllowed: the terminal does not check that service.
        """
        if data.service not in request.user.services:
            raise ServiceNotAllowed(f"This terminal does not check {data.service}.")
        async with database.reading() as reading:
            known = await check(reading, vault, data, now=now)
        return CheckAnswer(
            status=known.status,
            update_owed=known.update_owed,
            least_sequence=known.least_sequence,
            server_time=now,
        )


def _refused(request: FromTerminal, ingested: Ingested) -> Response[dict[str, object]]:
    detail = (
        "This terminal was revoked. What it sent was put aside for staff to look at; keep it. "
        "Enrol the terminal again to have it accepted."
        if ingested.stored
        else "This terminal was revoked and has sent too much since. Nothing more is taken from it."
    )
    error = TerminalRevoked
    return problem(
        request, STATUS[error], error.code, title_of(error), detail, put_aside=len(ingested.stored)
    )
