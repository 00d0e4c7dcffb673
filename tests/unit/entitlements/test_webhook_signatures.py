"""A partner with the secret, or with the public key, can tell our messages from others."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from entitlements.webhook_signatures import SigningSecret, headers, new_secret

BODY = b'{"type":"card.stopped","data":{"subject":"abc"}}'


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  (the library reads the clock itself)


def _signed(*signing: SigningSecret, now: datetime | None = None) -> dict[str, str]:
    return dict(headers("evt_1", BODY, signing, now=now or _now()))


def test_the_signature_is_the_specifications_own_example() -> None:
    """Source: the test vector of the Standard Webhooks specification's libraries."""
    shared = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    now = datetime.fromtimestamp(1614265330, UTC)
    made = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", body, [SigningSecret(shared, bytes(32))], now=now
    )
    first = made["webhook-signature"].split(" ")[0]
    assert first == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert made["webhook-timestamp"] == "1614265330"


def test_the_published_library_takes_it() -> None:
    secret = new_secret()
    assert Webhook(secret.shown).verify(BODY, _signed(secret))["type"] == "card.stopped"


def test_while_a_secret_is_changed_both_the_old_and_the_new_one_will_do() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    made = _signed(new, old)
    for each in (old, new):
        Webhook(each.shown).verify(BODY, made)
    with pytest.raises(WebhookVerificationError):
        Webhook(other.shown).verify(BODY, made)


def test_the_public_key_checks_what_it_cannot_make() -> None:
    secret = new_secret()
    made = _signed(secret)
    signature = made["webhook-signature"].split(" ")[1].removeprefix("v1a,")
    public = base64.b64decode(secret.public_key.removeprefix("whpk_"))
    signed = f"evt_1.{made['webhook-timestamp']}.".encode() + BODY
    key = Ed25519PublicKey.from_public_bytes(public)
    key.verify(base64.b64decode(signature), signed)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature), signed + b" ")


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp"])
def test_nothing_that_is_signed_can_be_changed(changed: str) -> None:
    secret, now = new_secret(), _now()
    other = dict(headers("evt_2", BODY, [secret], now=now - timedelta(seconds=1)))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.shown).verify(BODY, _signed(secret, now=now) | {changed: other[changed]})
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.shown).verify(BODY + b" ", _signed(secret, now=now))


def test_two_secrets_have_nothing_in_common() -> None:
    one, other = new_secret(), new_secret()
    assert len({one.shared, one.seed, other.shared, other.seed}) == 4
    assert one.shown.startswith("whsec_")
