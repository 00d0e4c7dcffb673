"""What a clerk is told at the desk when a card cannot be ordered yet."""

from sqlalchemy.ext.asyncio import AsyncSession

from identity import accounts
from identity.details import SelfAsserted
from identity.models import Account
from tests.support.desks import enrolled_desk
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

MINA = SelfAsserted(
    given_names="Mina",
    family_name="Weald",
    birth_date="29/2/2000",
    address_lines=("3 Example Street", "Maidstone"),
    postcode="ME14 1XQ",
    email="mina@example.com",
)


def test_a_card_waits_until_a_clerk_has_seen_who_the_resident_is(live: LiveServer) -> None:
    async def prepare(session: AsyncSession) -> tuple[str, str]:
        desk = await enrolled_desk(session, "Card office", now=live.clock())
        mina = await accounts.register_self(session, live.vault, MINA, now=live.clock())
        assert isinstance(mina, Account)
        return f"/staff/residents/{mina.id}", str(desk.id)

    record, desk = live.do(prepare)
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    ordering = f"{record}/cards/order?reason=at-desk"

    def order() -> tuple[int, str]:
        token = clerk.token(f"{record}?reason=at-desk")
        answer = clerk.post(ordering, {"desk": desk, "csrf_token": token})
        return answer.status_code, answer.text

    why = "nobody has seen a document that shows who this resident is"
    shown = clerk.get(f"{record}?reason=at-desk").text
    assert why in shown
    assert "Order a card" not in shown
    assert f"{record}/documents/new?reason=at-desk" in shown
    status, said = order()  # all the same, from a page that is older than the record
    assert status == 422
    assert "Nobody has seen a document that shows who this resident is" in said
    form = f"{record}/documents/new?reason=at-desk"
    typed = {"kind": "passport", "proof": "identity", "csrf_token": clerk.token(form)}
    recorded = clerk.post(form, typed)
    assert recorded.status_code == 303, recorded.text
    shown = clerk.get(f"{record}?reason=at-desk").text
    assert why not in shown
    assert "Order a card" in shown
    assert order()[0] == 303
