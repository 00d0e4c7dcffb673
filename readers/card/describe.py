"""The text of docs/card-format.md, made from the code.

A test compares the file with what is made here, so that it cannot go stale.
"""

from datetime import UTC, datetime

from readers.card.codes import NO_ACCESS
from readers.card.keys import AES128_CONSTANT, SYSTEM_ID, UID_BYTES
from readers.card.layout import FILES, KENT_AID, KEY_COUNT, KEY_MEANINGS
from readers.contract import phone_pass, tap_tokens
from readers.contract.record import (
    EXPIRES,
    LENGTH_BYTES,
    MEANINGS,
    NOT_BEFORE,
    RECORD,
    RECORD_VERSION,
    TOKEN_ID,
    Field,
    Record,
    binding_for,
    frame,
    sign_record,
)
from readers.contract.services import Service
from readers.contract.tokens import SKEW

EXAMPLE_UID = bytes.fromhex("04112233445566")
EXAMPLE_JTI = bytes(range(phone_pass.JTI_BYTES))


def card_format() -> str:
    """The whole document, in Markdown."""
    parts = (_introduction, _keys, _files, _record, _example, _pass, _tap_token)
    return "\n".join(part() for part in parts)


def _introduction() -> str:
    return f"""# Card format

Generated from the code (`make docs`); a test keeps it true.

A DESFire EV2 or EV3 card, AES only. The card's master key and one application are ours; the
application identifier `{KENT_AID.hex().upper()}` (bytes on the wire) is a placeholder until one is
registered with NXP. No name, birth date or address is on the card.
"""


def _keys() -> str:
    rows = "\n".join(f"| {number} | {KEY_MEANINGS[number]} |" for number in range(KEY_COUNT))
    return f"""## Keys

Each is diversified: AN10922 AES-128 over {UID_BYTES} bytes UID, 3 bytes application identifier,
`{SYSTEM_ID.decode()}` and 1 byte key number, which equals AES-CMAC over
`{AES128_CONSTANT.hex()}` and those 19 bytes. The key's version byte is the generation of its
master key.

| key | who holds it |
|---|---|
{rows}
"""


def _files() -> str:
    rows = "\n".join(
        f"| {layout.number:02X} | {service} | {layout.size} | {layout.read_key} | "
        f"{layout.access >> 8 & 0xF} | {layout.access & 0xF} |"
        for service, layout in FILES.items()
    )
    return f"""## Files

Backup files in full mode: what is written counts from the commit on, all files together or none.
Nobody has the combined read-and-write right ({NO_ACCESS:X}).

| file | service | bytes | read key | write key | settings key |
|---|---|---|---|---|---|
{rows}

A file holds {LENGTH_BYTES} bytes of length (big endian), the record, and zeros. Length 0 means
that the service is not held.
"""


def _record() -> str:
    rows = "\n".join(f"| {field.value} | {MEANINGS[field]} |" for field in Field)
    codes = ", ".join(f"{service.code} {service}" for service in Service)
    return f"""## Record, version {RECORD_VERSION}

COSE_Sign1 (RFC 9052, tag 18) with EdDSA (Ed25519). The protected header carries the algorithm and
the key id. The payload is a CWT (RFC 8392): claim {EXPIRES} `exp` (first second at which it is no
longer valid), claim {NOT_BEFORE} `nbf`, and claim {RECORD} with these fields:

| field | meaning |
|---|---|
{rows}

Numbers are never reused or reordered. A reader skips fields it does not know and refuses a version
it does not know. Service codes: {codes}.
"""


def _example() -> str:
    record = Record(
        service=Service.TRAVEL,
        number=24000123456789,
        entitlement_class="older",
        valid_from=datetime(2026, 11, 30, tzinfo=UTC),
        valid_until=datetime(2028, 3, 31, 23, tzinfo=UTC),
        sequence=1,
        status_index=4711,
        binding=binding_for(EXAMPLE_UID, Service.TRAVEL),
    )
    signed = sign_record(record, key_id=b"rec.1", sign=lambda _: bytes(64))
    content = frame(signed, FILES[Service.TRAVEL].size)
    lines = "\n".join(content[start : start + 32].hex() for start in range(0, len(content), 32))
    return f"""## Example

File {FILES[Service.TRAVEL].number:02X} of the card {EXAMPLE_UID.hex()}, with a signature of zeros;
the record takes {len(signed)} bytes.

```
{lines}
```
"""


def _pass() -> str:
    seconds = int(phone_pass.LIFETIME.total_seconds())
    made = datetime(2026, 11, 30, 10, 30, tzinfo=UTC)
    record = Record(
        service=Service.LEISURE,
        number=24000123456789,
        entitlement_class=phone_pass.PASS_CLASS,
        valid_from=made,
        valid_until=made + phone_pass.LIFETIME,
        sequence=1,
        status_index=815,
        binding=binding_for(EXAMPLE_JTI, Service.LEISURE),
    )
    text = phone_pass.encode(record, EXAMPLE_JTI, key_id=b"rec.1", sign=lambda _: bytes(64))
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"""## The pass on a phone, version {phone_pass.PASS_VERSION}

The same record, signed with the same key, shown as a QR code by the resident's page. It differs
from a card's record in this:

- It is valid for {seconds} seconds (or until the service ends, if that is sooner).
- Claim {TOKEN_ID} `cti` holds {phone_pass.JTI_BYTES} random bytes, new for every code.
- Field {Field.BINDING.value} is the first 8 bytes of SHA-256 over service code and `cti`, as a
  card's is over service code and UID. A UID is shorter, so no card can carry a pass.
- Field {Field.ENTITLEMENT_CLASS.value} is always `{phone_pass.PASS_CLASS}`: the code does not say
  why the service is held, and its dates do not say until when.
- Field {Field.STATUS_INDEX.value} is a place of the phone's own: a phone that was reported lost is
  refused while the card goes on.

The text is `{phone_pass.PREFIX}`, the version, a full stop, and the COSE_Sign1 in Base32 (RFC 4648)
without padding. Spaces, line ends and small letters are taken. A reader refuses a longer life,
another version, a missing `cti` and another binding. A clock may run {int(SKEW.total_seconds())}
seconds behind: a genuine code from further in the future shows that the clock is wrong, and nothing
is decided.

What a picture of somebody's screen is worth: it is good until its {seconds} seconds are over, at
every venue it was not yet shown at. A venue device takes each `cti` once, and so refuses the
second of two people with one code, at that device; which of the two was the resident it cannot
tell. Devices without a network do not tell each other. A code passed on live, as a picture or a
video call, to somebody elsewhere is not stopped by anything here: the code proves that a signed-in
account asked for it within the minute, not who stands at the desk. Where that matters, ask for the
card.

An example of {len(text)} characters, with a signature of zeros:

```
{lines}
```
"""


def _tap_token() -> str:
    claims = ", ".join(f"`{name}`" for name in tap_tokens.TapToken.__struct_fields__)
    return f"""## What a till is given for a tap

Nothing of a card leaves a terminal for a partner's till but a signed token: a JWT of type
`{tap_tokens.TYPE}` for `{tap_tokens.AUDIENCE}`, by the terminal's own Ed25519 key (`kid` and `sub`
are the terminal), with the claims {claims}. `index` is the
record's place in the status list, field {Field.STATUS_INDEX.value}; there is no number and no UID
in it. It is made after a tap was accepted and written down, with or without a network, and lives
{int(tap_tokens.LIFETIME.total_seconds())} seconds. The server takes it from one organisation
only. How a till asks for it: [partners.md](partners.md#a-till-with-a-reader).
"""
