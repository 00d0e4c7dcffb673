"""From the number on a card to the account it belongs to."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.models import ServiceNumber
from identity.models import Account

DIGITS: Final = 14


async def account_number_of(session: AsyncSession, query: str) -> str:
    """The account number to search for: that of the card number's holder, else what was typed.

    A card number is a service's number on the card: 14 digits, typed in any grouping.
    """
    digits = "".join(query.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return query
    holders = (
        select(Account.number)
        .join(ServiceNumber, ServiceNumber.account_id == Account.id)
        .where(ServiceNumber.number == int(digits))
    )
    return (await session.scalars(holders.limit(1))).one_or_none() or query
