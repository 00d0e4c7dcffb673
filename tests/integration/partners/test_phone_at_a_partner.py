"""A code as a resident shows it, sent to the partner API; and after the phone was lost."""

from uuid import UUID

from cardservice import phones
from entitlements import passes
from entitlements.passes import Shown
from readers.contract.services import Service
from tests.support.partners import partner
from tests.support.people import CLERK
from tests.support.server import World


async def _code(served: World, person: UUID) -> str:
    async with served.database.transaction() as session:
        phone = await phones.begin(session, person, actor=CLERK, now=served.clock())
        shown = await passes.show(
            session,
            served.keystore,
            passes.Phone(person, phone.id),
            Service.LIBRARY,
            institution="1234",
            actor=CLERK,
            now=served.clock(),
        )
    assert isinstance(shown, Shown)
    return shown.text


async def test_a_code_of_a_phone_is_a_yes_until_the_phone_is_lost(served: World) -> None:
    jean = await served.register()
    library = await partner(served)

    async def decision(text: str) -> str:
        body = {"offer": "library", "shown": {"by": "phone", "text": text}}
        answer: str = (await library.answered(body))["decision"]
        return answer

    first, second = await _code(served, jean), await _code(served, jean)
    assert await decision(first) == "yes"
    async with served.database.transaction() as session:
        assert await phones.end(session, jean, actor=CLERK, now=served.clock())
    assert await decision(second) == "unknown"
    assert await decision(await _code(served, jean)) == "yes"
