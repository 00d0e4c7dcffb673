"""Clerks who are signed in, and readers that serve their browsers."""

from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing
from cardservice.pairing import Paired
from identity import sessions, staff
from identity.actors import SYSTEM
from identity.models import StaffRole
from identity.sessions import SignedInSession
from identity.signin_models import SessionKind
from readers.contract import wire
from tests.support.server import Machine, World

PASSWORD = "turnip lantern oxbow river"


async def signed_in_clerk(
    session: AsyncSession, username: str, *, now: datetime, role: StaffRole = StaffRole.CARD_OFFICER
) -> tuple[str, SignedInSession]:
    """A new member of staff with a session open: its token, and what it says."""
    clerk = await staff.add(
        session, username, f"Clerk {username}", role, PASSWORD, actor=SYSTEM, now=now
    )
    token = await sessions.open_session(session, clerk.id, SessionKind.STAFF, now=now)
    own = await sessions.look_up(session, token, now=now)
    assert isinstance(own, SignedInSession)
    return token, own


async def code_on_screen(world: World, machine: Machine) -> str:
    """What the terminal shows when its button is pressed."""
    answer = await machine.post(wire.PAIRING_PATH, msgspec.json.decode(b"{}", type=_Nothing))
    assert answer.status_code == 200, answer.text
    offer = msgspec.json.decode(answer.content, type=wire.PairingOffer)
    assert offer.server_time == world.clock()
    return offer.code


async def paired(world: World, machine: Machine, own: SignedInSession) -> Paired:
    """The terminal serves this session from now on."""
    code = await code_on_screen(world, machine)
    async with world.database.transaction() as session:
        found = await pairing.pair(session, world.vault, code, own, now=world.clock())
    assert isinstance(found, Paired)
    return found


class _Nothing(msgspec.Struct):
    pass
