"""The OpenAPI document is true: everything it says is sent to the real application."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from entitlements import sandbox
from entitlements.api import examples
from entitlements.partner_models import CredentialKind
from entitlements.partner_paths import DOCUMENT
from identity.keys import FileKeyStore
from tests.support import fresh_keys
from tests.support.partners import CHECKS, PartnerSite, partner
from tests.support.server import World, world

PLENTY = 1_000_000
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def sandbox_site(database_url: str, keystore: FileKeyStore) -> AsyncIterator[PartnerSite]:
    limits = {"partner_checks_a_minute": PLENTY, "partner_redemptions_a_minute": PLENTY}
    async with world(database_url, keystore, **limits) as served:
        yield await partner(served, kind=CredentialKind.SANDBOX)


async def document(served: World) -> dict[str, Any]:
    import httpx  # noqa: PLC0415

    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        content: dict[str, Any] = (await http.get(DOCUMENT)).json()
        return content


async def test_every_request_of_the_document_gets_an_answer_of_the_document(
    sandbox_site: PartnerSite, tmp_path: Path
) -> None:
    """Schemathesis with every check and phase; what it finds is a fault of ours."""
    token = await sandbox_site.token()
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"{sandbox_site.world.url}{DOCUMENT}",
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--max-examples", "25", "--seed", "1", "--no-color"),
        cwd=tmp_path,  # where it keeps what it finds
        env=os.environ | {"SCHEMATHESIS_HOOKS": fresh_keys.__name__, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()


async def test_the_examples_are_answered_as_they_say(sandbox_site: PartnerSite) -> None:
    for card, example in zip(sandbox.CARDS, examples.CHECKS.values(), strict=True):
        told = await sandbox_site.answered(example["value"])
        assert card.about.startswith(told["decision"]), card.about
        expected = examples.ANSWERS.get(told["decision"])
        if expected is not None and card.used == 0:
            changing = {"subject", "remaining"}
            assert without(told, changing) == without(expected["value"], changing)
            assert set(told) == set(expected["value"])


async def test_a_test_card_in_each_band_and_a_wrong_code(sandbox_site: PartnerSite) -> None:
    cards = sandbox.CARDS[:3]
    bands = [
        (await sandbox_site.check(each.number, each.code, "library"))["band"] for each in cards
    ]
    assert bands == ["child", "adult", "over-60"]
    wrong = await sandbox_site.check(cards[0].number, "000000")
    assert wrong["decision"] == "unknown"


async def test_the_sandbox_redeems_and_counts_and_no_live_credential_sees_it(
    sandbox_site: PartnerSite,
) -> None:
    card = sandbox.CARDS[5]
    told = await sandbox_site.check(card.number, card.code, "offer-first-swim")
    second = await sandbox_site.held(told["subject"], "offer-first-swim")
    assert second["first_free"] is False
    fresh = sandbox.CARDS[0]
    told = await sandbox_site.check(fresh.number, fresh.code, "offer-first-swim")
    assert (await sandbox_site.held(told["subject"], "offer-first-swim"))["first_free"] is True
    live = await partner(sandbox_site.world, "Live")
    refused = await live.ask(
        "POST", CHECKS, {"offer": "offer-theatre", "shown": examples.CHECKS["card-1"]["value"]}
    )
    assert refused.status_code == 422
    assert (await live.check(card.number, card.code, "library"))["decision"] == "unknown"


def without(content: Mapping[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in content.items() if name not in names}
