"""Every table of the service that holds sealed columns, for new keys and erasure."""

from collections.abc import Mapping, Sequence
from typing import Final

from cardservice import photos
from cardservice.bus_pass_models import LinkedBusPass
from cardservice.bus_passes import ISRN_FIELD
from cardservice.card_sessions import UID_FIELD
from cardservice.front_desk_models import DeskTap
from cardservice.models import Card
from entitlements import application_records, assessing, carriers, evidence_records
from entitlements.event_models import WebhookSecret
from identity import rekeying
from identity.db import Base
from identity.personal import Vault
from identity.rekeying import Opened, PersonalTable


def _card_indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    uid = opened["uid"]
    return {"uid_index": vault.blind(UID_FIELD, uid) if uid else None}


def _pass_indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    return {"isrn_index": vault.blind(ISRN_FIELD, opened["isrn"] or "")}


TABLES: Final = (
    *rekeying.TABLES,
    *assessing.PERSONAL,
    *application_records.PERSONAL,
    *carriers.PERSONAL,
    *evidence_records.PERSONAL,
    *photos.PERSONAL,
    PersonalTable(Card, "account_id", _card_indexes),
    PersonalTable(LinkedBusPass, "account_id", _pass_indexes),
)
"""What belongs to one person, sealed with their own key."""

STORE_SEALED: Final[Sequence[tuple[type[Base], str]]] = (
    *rekeying.STORE_SEALED,
    (WebhookSecret, "id"),
    (DeskTap, "id"),
)
"""What is sealed with the store's key, and the column of the row id it is sealed for."""
