"""Every table of the service that holds what belongs to one person, for new keys and erasure."""

from collections.abc import Mapping
from typing import Final

from cardservice.card_sessions import UID_FIELD
from cardservice.models import Card
from entitlements import application_records, assessing, carriers, evidence_records
from identity import rekeying
from identity.personal import Vault
from identity.rekeying import Opened, PersonalTable


def _card_indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    uid = opened["uid"]
    return {"uid_index": vault.blind(UID_FIELD, uid) if uid else None}


TABLES: Final = (
    *rekeying.TABLES,
    *assessing.PERSONAL,
    *application_records.PERSONAL,
    *carriers.PERSONAL,
    *evidence_records.PERSONAL,
    PersonalTable(Card, "account_id", _card_indexes),
)
