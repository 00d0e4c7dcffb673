"""Terminals that know how get their lists in pieces; whoever does not gets what they always got."""

from hashlib import sha256

import httpx
import msgspec
import pytest
from sqlalchemy import select

from cardservice import replacement
from entitlements.models import ServiceRecord, StatusListState
from entitlements.shard_models import StatusShard
from entitlements.status_lists import StatusLists
from identity.keys import Purpose as KeyPurpose
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.shards import (
    MANIFEST_TYPE,
    MEDIA_TYPE,
    SHARD_PLACES,
    Manifest,
    put_together,
)
from readers.contract.statuslist import TOKEN_TYPE, Status, from_claim
from readers.contract.tokens import BUNDLE_TYPE, verify_token
from tests.support.people import CLERK
from tests.support.server import Machine, World

LIBRARY = Service.LIBRARY
IN_SHARDS = f"{wire.BUNDLE_PATH}?{wire.LISTS}={wire.LISTS_IN_SHARDS}"


async def _bundle(world: World, machine: Machine, path: str = IN_SHARDS) -> wire.Bundle:
    token = msgspec.json.decode((await machine.get(path)).content, type=wire.SignedBundle).token
    key = world.keystore.public_key(world.keystore.current(KeyPurpose.BUNDLE_SIGN))
    return msgspec.convert(verify_token(token, BUNDLE_TYPE, key, now=world.clock()), wire.Bundle)


def _manifest(world: World, bundle: wire.Bundle) -> Manifest:
    key = world.keystore.public_key(world.keystore.current(KeyPurpose.STATUS_SIGN))
    claims = verify_token(bundle.hotlists[LIBRARY], MANIFEST_TYPE, key, now=world.clock())
    assert claims["sub"] == f"{world.url}/status-shards/library"
    assert claims["iat"] == int(world.clock().timestamp())
    return msgspec.convert(claims["hotlist"], Manifest)


async def _get(world: World, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        return await client.get(path, headers=headers)


async def _pieces(world: World, manifest: Manifest) -> dict[str, bytes]:
    answers = {
        each: await _get(world, f"/status-shards/library/{each}") for each in manifest.shards
    }
    assert {each.status_code for each in answers.values()} == {200}
    return {digest: answer.content for digest, answer in answers.items()}


async def _library(world: World) -> Machine:
    return await world.machine(
        "Library", services=(LIBRARY,), purposes=(wire.Purpose.VALIDATE, wire.Purpose.UPDATE)
    )


async def _lost_card(world: World) -> int:
    """The place of its record; it was made before and is lost now."""
    desk, resident = await world.machine(), await world.register()
    card = await world.issue(resident, desk)
    record = world.read(card, LIBRARY)
    assert record is not None
    card_id = await world.card_id(resident)
    await world.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=world.clock())
    )
    return record.status_index


async def test_a_terminal_that_asks_gets_its_list_in_pieces_and_another_gets_it_whole(
    served: World,
) -> None:
    library = await _library(served)
    place = await _lost_card(served)
    bundle = await _bundle(served, library)
    assert (bundle.status_lists, set(bundle.hotlists)) == ({}, {LIBRARY})
    manifest = _manifest(served, bundle)
    whole = put_together(manifest, await _pieces(served, manifest))
    assert whole[place] == Status.SUSPENDED

    older = await _bundle(served, library, wire.BUNDLE_PATH)
    assert (older.hotlists, set(older.status_lists)) == ({}, {LIBRARY})
    later = await _bundle(served, library, f"{wire.BUNDLE_PATH}?{wire.LISTS}=of-tomorrow")
    assert set(later.status_lists) == {LIBRARY}
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.STATUS_SIGN))
    claims = verify_token(older.status_lists[LIBRARY], TOKEN_TYPE, key, now=served.clock())
    published = from_claim(claims["status_list"])
    assert len(published) == len(whole)
    assert [published[each] for each in range(len(whole))] == list(
        map(whole.__getitem__, range(len(whole)))
    )


async def test_a_lost_card_changes_its_own_piece_and_no_other(served: World) -> None:
    library = await _library(served)
    async with served.database.transaction() as session:
        session.add(StatusListState(service=LIBRARY, size=3 * SHARD_PLACES))
    before = _manifest(served, await _bundle(served, library))
    old = await _pieces(served, before)
    assert len(before.shards) == 3
    place = await _lost_card(served)
    after = _manifest(served, await _bundle(served, library))
    changed = [n for n in range(3) if before.shards[n] != after.shards[n]]
    assert changed == [place // SHARD_PLACES]
    new = await _pieces(served, after)
    assert put_together(after, new)[place] == Status.SUSPENDED
    assert put_together(after, old | new)[place] == Status.SUSPENDED
    async with served.database.transaction() as session:
        rows = (
            await session.scalars(select(StatusShard).where(StatusShard.service == LIBRARY))
        ).all()
        assert [row.number for row in rows] == changed
    # who has the manifest of just before still gets what it names
    assert (await _pieces(served, before)).keys() == old.keys()


async def test_a_piece_never_changes_and_costs_nothing_the_second_time(served: World) -> None:
    library = await _library(served)
    await _lost_card(served)
    (digest,) = _manifest(served, await _bundle(served, library)).shards
    path = f"/status-shards/library/{digest}"
    first = await _get(served, path)
    assert first.headers["content-type"] == MEDIA_TYPE
    assert first.headers["etag"] == f'"{digest}"'
    assert "immutable" in first.headers["cache-control"]
    for tag in (f'"{digest}"', f'"other", W/"{digest}"', "*"):
        again = await _get(served, path, **{"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert (await _get(served, path, **{"if-none-match": '"other"'})).content == first.content


async def test_the_published_list_has_a_tag_too(served: World) -> None:
    first = await _get(served, "/status-lists/library")
    assert first.headers["etag"] == f'"{sha256(first.content).hexdigest()}"'
    again = await _get(served, "/status-lists/library", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["library/" + "a" * 43, "gambling/" + "a" * 43, "library/%00"])
async def test_there_is_no_other_piece(served: World, path: str) -> None:
    answer = await _get(served, f"/status-shards/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_a_second_server_names_the_same_pieces(served: World) -> None:
    await _lost_card(served)
    manifests = []
    for _ in range(2):
        lists = StatusLists(served.keystore, served.url)
        async with served.database.transaction() as session:
            token = await lists.hotlist(session, LIBRARY, now=served.clock())
        key = served.keystore.public_key(served.keystore.current(KeyPurpose.STATUS_SIGN))
        claims = verify_token(token, MANIFEST_TYPE, key, now=served.clock())
        manifests.append(claims["hotlist"])
    assert manifests[0] == manifests[1]


async def test_what_was_revoked_before_pieces_were_counted_is_told_of(served: World) -> None:
    """A database of before has no rows of pieces: those without a row are read all the same."""
    place = await _lost_card(served)
    async with served.database.transaction() as session:
        for row in await session.scalars(select(StatusShard)):
            await session.delete(row)
        found = select(ServiceRecord.status).where(ServiceRecord.status_index == place)
        assert await session.scalar(found) == Status.SUSPENDED
    lists = StatusLists(served.keystore, served.url)
    async with served.database.transaction() as session:
        claims = verify_token(
            await lists.token(session, LIBRARY, now=served.clock()),
            TOKEN_TYPE,
            served.keystore.public_key(served.keystore.current(KeyPurpose.STATUS_SIGN)),
            now=served.clock(),
        )
    assert from_claim(claims["status_list"])[place] == Status.SUSPENDED
