"""Partners that ask a running server, and what a test prepares for them."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import carriers, grants, organisations, rulebooks
from entitlements.decision import Eligible
from entitlements.models import Publication, PublicationState
from entitlements.organisations import Agreed
from entitlements.partner_models import CredentialKind
from entitlements.schemes.rulebook import BUILT_IN
from identity.actors import SYSTEM
from identity.oidc.client_auth import ASSERTION_TYPE
from identity.oidc.provider import Endpoint
from readers.contract.wire import Purpose
from tests.support.oidc import new_key, signed
from tests.support.people import CLERK
from tests.support.server import World

LASTS: Final = timedelta(minutes=4)
THEATRE: Final = "offer-theatre"
SWIM: Final = "offer-first-swim"
CHECKS: Final = "/api/v1/checks"
REDEMPTIONS: Final = "/api/v1/redemptions"
USAGE: Final = "/api/v1/usage"


class PartnerSite:
    """A partner's system: it has a key, fetches tokens and asks."""

    def __init__(
        self, world: World, organisation_id: UUID, client_id: str, key: ec.EllipticCurvePrivateKey
    ) -> None:
        self.world = world
        self.organisation_id = organisation_id
        self.client_id = client_id
        self._key = key
        self._token, self._until = "", world.clock()

    def assertion(self, **changed: Any) -> str:  # noqa: ANN401  (claims)
        now = int(self.world.clock().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.world.url,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(),
        }
        return signed(self._key, claims | changed, kid="key-1")

    async def ask_for_token(self, **form: str) -> httpx.Response:
        whole = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
        }
        async with self.http() as http:
            return await http.post(Endpoint.TOKEN, data=whole | form)

    async def token(self, **form: str) -> str:
        answer = await self.ask_for_token(**form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def sign_in(self, **form: str) -> None:
        """Fetch the token that is sent from now on, while it lasts."""
        self._token, self._until = await self.token(**form), self.world.clock() + LASTS

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        if self.world.clock() >= self._until:
            await self.sign_in()
        sent = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        if method == "POST" and content is None and body is not None:
            content = json.dumps(body).encode()
        async with self.http() as http:
            return await http.request(
                method, path, content=content, headers=sent | dict(headers or {})
            )

    async def check(self, number: object, code: str, offer: str = THEATRE) -> dict[str, Any]:
        """Ask by number and code; the answer."""
        shown = {"by": "card", "number": str(number), "code": code}
        return await self.answered({"offer": offer, "shown": shown})

    async def answered(self, body: object) -> dict[str, Any]:
        answer = await self.ask("POST", CHECKS, body)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    async def hold(
        self, *items: Mapping[str, object], key: str = "", **headers: str
    ) -> httpx.Response:
        sent = {"idempotency-key": key or secrets.token_urlsafe(), **headers}
        return await self.ask("POST", REDEMPTIONS, {"items": items}, headers=sent)

    async def held(self, subject: str, offer: str = THEATRE, **more: object) -> dict[str, Any]:
        answer = await self.hold({"offer": offer, "subject": subject, **more})
        assert answer.status_code == 201, answer.text
        content: dict[str, Any] = answer.json()["redemptions"][0]
        return content

    async def end(self, redemption: str, how: str) -> httpx.Response:
        return await self.ask("POST", f"{REDEMPTIONS}/{redemption}/{how}")

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.world.url, trust_env=False, timeout=20)


async def partner(
    world: World,
    name: str = "Example Theatre",
    *,
    agreed: Sequence[Agreed] | None = None,
    kind: CredentialKind = CredentialKind.LIVE,
) -> PartnerSite:
    """An organisation with a credential; it may ask about the library and what was published."""
    async with world.database.transaction() as session:
        if agreed is None:
            published = await rulebooks.published_files(session)
            offers = [
                Agreed(name.removesuffix(".toml")) for name in published if "swim" not in name
            ]
            agreed = [Agreed("library", tells_band=True), *offers]
        made = await organisations.add(session, name, agreed, actor=SYSTEM, now=world.clock())
    return await another_credential(world, made.id, kind)


async def another_credential(
    world: World, organisation_id: UUID, kind: CredentialKind = CredentialKind.LIVE
) -> PartnerSite:
    key, public = new_key()
    async with world.database.transaction() as session:
        made = await organisations.new_credential(
            session, organisation_id, kind, [public], actor=SYSTEM, now=world.clock()
        )
    return PartnerSite(world, organisation_id, made.client_id, key)


async def publish(world: World, *offers: str) -> None:
    """Put example offers in force, from long ago."""
    async with world.database.transaction() as session:
        for number, offer in enumerate(offers, 1):
            text = (BUILT_IN / "examples" / f"{offer}.toml").read_text(encoding="utf-8")
            await _publish(session, world, offer, text.replace("2026-12-01", "2026-01-01"), number)


async def _publish(session: AsyncSession, world: World, offer: str, text: str, number: int) -> None:
    digest = await rulebooks.keep_text(session, text)
    session.add(
        Publication(
            number=number,
            file=f"{offer}.toml",
            text_digest=digest,
            state=PublicationState.APPROVED,
            reason="a test",
            first_day=None,
            backdated=False,
            asked_at=world.clock(),
            asked_by_id="one",
            asked_by_label="One",
            decided_at=world.clock(),
            decided_by_id="another",
            decided_by_label="Another",
        )
    )


async def grant(world: World, account_id: UUID, offer: str, **changed: Any) -> None:  # noqa: ANN401  (fields)
    """Give a resident an offer, for the year 2026."""
    fields: dict[str, Any] = {
        "scheme": offer,
        "service": None,
        "rule": "1",
        "on": world.clock().date(),
        "trace": (),
        "next_change_on": None,
        "entitlement_class": "quarter-off",
        "band": None,
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
    }
    async with world.database.transaction() as session:
        offered = (await grants.open_by_scheme(session, account_id)).get(offer)
        await grants.grant(
            session,
            account_id,
            Eligible(**fields | changed),
            actor=CLERK,
            now=world.clock(),
            before=offered,
        )


async def card_of(world: World, account_id: UUID) -> tuple[str, str]:
    """Make a resident a card; the number and the code printed on it."""
    desk = await world.machine(f"Desk of {account_id}", purposes=(Purpose.PERSONALISE,))
    await world.issue(account_id, desk)
    return await printed_on(world, await world.card_id(account_id))


async def printed_on(world: World, card_id: UUID) -> tuple[str, str]:
    async with world.database.transaction() as session:
        found = await carriers.printed(session, world.vault, card_id)
    assert found is not None
    return found
