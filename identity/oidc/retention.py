"""How long the provider's rows are kept, in one table.

Codes and refresh tokens go with their grant. What residents agreed to (`oidc_consent`) and the
names sites know them by (`oidc_subject`) are no upkeep: they stay as long as the account.
Source: UK GDPR Article 5(1)(e); RFC 9700 section 4.14.2 (used tokens are kept to notice a replay).
"""

from typing import Final

import msgspec

from identity.db import Base
from identity.oidc.models import OidcGrant, OidcLogoutNotice, OidcRequest, OidcSpentId


class Kept(msgspec.Struct, frozen=True):
    """How long rows of one table are kept.

    Attributes:
        table: mapped class.
        since: name of the column with the moment it counts from.
        days: after that moment.
        why: that long.
    """

    table: type[Base]
    since: str
    days: int
    why: str


RETENTION: Final = (
    Kept(
        OidcRequest,
        "expires_at",
        1,
        "somebody who comes back too late is told which site they came from",
    ),
    Kept(
        OidcSpentId,
        "expires_at",
        0,
        "the token or proof it belongs to is refused by its own time from then on",
    ),
    Kept(
        OidcGrant,
        "expires_at",
        7,
        "codes and refresh tokens that were used up show a replay, which ends the grant",
    ),
    Kept(
        OidcLogoutNotice,
        "created_at",
        7,
        "a week to ask why a site was not told; the last try is after 15 hours",
    ),
)
