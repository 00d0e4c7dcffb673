"""An issuer's side for tests of the terminal: keys, records, status lists, bundles, cards."""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.card.apdu import run
from readers.card.keys import KeyAt, diversification_input, diversify
from readers.card.layout import FILES, KENT_AID, KEY_COUNT, PICC_AID, PICC_KEY, WRITE_KEY
from readers.card.personalise import CardKeys, personalise, update
from readers.contract import shards, tokens, wire
from readers.contract.record import Record, RecordStatus, binding_for, sign_record
from readers.contract.services import Service
from readers.contract.statuslist import TOKEN_TYPE, Status, StatusList, to_claim
from readers.terminal.bundle import BundleView, open_bundle
from readers.virtual.card import VirtualCard

NOW = datetime(2026, 12, 1, 9, 31, tzinfo=UTC)
"""A Tuesday, one minute after the window opens."""

UID = bytes.fromhex("04A1B2C3D4E5F6")
TERMINAL = "t-ashford"
PICC_MASTER = bytes([0xEE]) * 16


class Issuer:
    """Keys of one generation, and what is signed with them."""

    def __init__(self) -> None:
        self.records = Ed25519PrivateKey.generate()
        self.lists = Ed25519PrivateKey.generate()
        self.bundles = {"bun.1": Ed25519PrivateKey.generate()}
        self.masters = {number: bytes([number + 1]) * 16 for number in range(KEY_COUNT)}
        self.generation = 1
        self.statuses = {service: StatusList.of_size(1024) for service in Service}

    @property
    def pinned(self) -> dict[str, bytes]:
        return {name: key.public_key().public_bytes_raw() for name, key in self.bundles.items()}

    def record(self, service: Service, *, uid: bytes = UID, **changes: Any) -> Record:  # noqa: ANN401  fields
        record = Record(
            service=service,
            number=633_000_000_017,
            entitlement_class="older",
            valid_from=NOW - timedelta(days=1),
            valid_until=NOW + timedelta(days=365),
            sequence=1,
            status_index=7,
            binding=binding_for(uid, service),
            status=RecordStatus.ACTIVE,
        )
        return msgspec.structs.replace(record, **changes)

    def sign(self, record: Record, key_id: bytes = b"rec.1") -> bytes:
        return sign_record(record, key_id=key_id, sign=self.records.sign)

    def set_status(self, service: Service, index: int, status: Status) -> None:
        self.statuses[service][index] = status

    def list_token(
        self, service: Service, *, made: datetime, typ: str = TOKEN_TYPE, **changes: object
    ) -> str:
        issued = int(made.timestamp())
        claims = {
            "sub": f"http://localhost:8000/status-lists/{service}",
            "iat": issued,
            "exp": issued + 30 * 86400,
            "ttl": 300,
            "status_list": to_claim(self.statuses[service]),
            **changes,
        }
        return tokens.sign_token(typ, claims, key_id="sta.1", sign=self.lists.sign)

    def shards(self, service: Service) -> dict[str, bytes]:
        """The pieces of a service's list as they travel, by digest."""
        parts = [shards.pack(each) for each in self._marked(service)]
        return {shards.digest_of(each): shards.deflated(each) for each in parts}

    def manifest_token(self, service: Service, *, made: datetime, **changes: object) -> str:
        parts = [shards.pack(each) for each in self._marked(service)]
        manifest = shards.Manifest(
            places=len(self.statuses[service]), shards=[shards.digest_of(each) for each in parts]
        )
        issued = int(made.timestamp())
        claims = {
            "sub": f"http://localhost:8000/status-shards/{service}",
            "iat": issued,
            "exp": issued + 30 * 86400,
            "hotlist": msgspec.to_builtins(manifest),
            **changes,
        }
        return tokens.sign_token(shards.MANIFEST_TYPE, claims, key_id="sta.1", sign=self.lists.sign)

    def _marked(self, service: Service) -> list[dict[int, int]]:
        """What each piece tells."""
        known = self.statuses[service]
        parts: list[dict[int, int]] = [{} for _ in range(shards.shard_count(len(known)))]
        for place in range(len(known)):
            if known[place]:
                parts[shards.shard_of(place)][place % shards.SHARD_PLACES] = known[place]
        return parts

    def bundle(
        self,
        *services: Service,
        made: datetime = NOW,
        signed_by: str = "bun.1",
        typ: str = tokens.BUNDLE_TYPE,
        **changes: object,
    ) -> str:
        """A bundle token; ``changes`` replace claims."""
        issued = int(made.timestamp())
        bundle = wire.Bundle(
            iat=issued,
            exp=issued + 30 * 86400,
            terminal_id=TERMINAL,
            name="Gateway",
            place="Ashford",
            services={service: settings_of(service) for service in services},
            purposes=[wire.Purpose.VALIDATE, wire.Purpose.UPDATE],
            issuer_keys={"rec.1": self.records.public_key().public_bytes_raw()},
            status_keys={"sta.1": self.lists.public_key().public_bytes_raw()},
            bundle_keys=self.pinned,
            status_lists={service: self.list_token(service, made=made) for service in services},
            bank_holidays=[date(2026, 12, 25), date(2026, 12, 28)],
        )
        claims = msgspec.to_builtins(bundle) | changes
        key = self.bundles.get(signed_by) or self.bundles["bun.1"]
        return tokens.sign_token(typ, claims, key_id=signed_by, sign=key.sign)

    def view(self, *services: Service, made: datetime = NOW, **changes: Any) -> BundleView:  # noqa: ANN401  claims
        return open_bundle(
            self.bundle(*services, made=made, **changes), self.pinned, terminal_id=TERMINAL
        )

    def read_keys(self, service: Service) -> tuple[wire.ReadKey, ...]:
        master = self.masters[FILES[service].read_key]
        return (wire.ReadKey(generation=self.generation, key=master),)

    def card_keys(self, uid: bytes) -> CardKeys:
        picc = diversify(PICC_MASTER, diversification_input(uid, PICC_AID, PICC_KEY))
        return CardKeys(
            picc=KeyAt(picc, self.generation),
            application={
                number: KeyAt(
                    diversify(master, diversification_input(uid, KENT_AID, number)),
                    self.generation,
                )
                for number, master in self.masters.items()
            },
        )

    def card(self, records: Mapping[Service, bytes], *, uid: bytes = UID) -> VirtualCard:
        """A card personalised with ``records``, straight from its factory state."""
        card = VirtualCard(uid)
        run(personalise(self.card_keys(uid), records, random=secrets.token_bytes), card)
        card.reset()
        return card

    def write(self, card: VirtualCard, records: Mapping[Service, bytes]) -> None:
        key = self.card_keys(card.uid).application[WRITE_KEY].key
        run(update(key, records, random=secrets.token_bytes), card)
        card.reset()


def settings_of(service: Service) -> wire.ServiceSettings:
    """As the services are set up: travel refers and has its hours, others allow and flag."""
    if service is Service.TRAVEL:
        return wire.ServiceSettings(
            stale_after_hours=24,
            stale_policy=wire.StalePolicy.REFER,
            window_start=time(9, 30),
            window_end=time(23),
        )
    return wire.ServiceSettings(stale_after_hours=24, stale_policy=wire.StalePolicy.ALLOW_AND_FLAG)
