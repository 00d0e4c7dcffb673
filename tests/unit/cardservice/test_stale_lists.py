"""What each service wants when the list of lost cards is old, as the server sets it up."""

from datetime import timedelta

import msgspec
import pytest

from cardservice.hotlist import POLICIES
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.terminal.bundle import open_bundle
from readers.terminal.decide import Accepted, Case, Refused, Tap, decide
from tests.support.issuer import NOW, TERMINAL, UID, Issuer

OLD = timedelta(hours=24)
YOUNG = OLD - timedelta(seconds=1)


def _case(service: Service, age: timedelta, status: Status, *, in_shards: bool) -> Case:
    issuer = Issuer()
    issuer.set_status(service, 7, status)
    made = NOW - age
    changes: dict[str, object] = {"services": msgspec.to_builtins({service: POLICIES[service]})}
    if in_shards:
        token = issuer.manifest_token(service, made=made)
        changes |= {"status_lists": {}, "hotlists": {service.value: token}}
    view = open_bundle(
        issuer.bundle(service, made=made, **changes),  # type: ignore[arg-type]  # claims
        issuer.pinned,
        terminal_id=TERMINAL,
        shards=issuer.shards(service),
    )
    record = issuer.record(service)
    tap = Tap(UID, service, issuer.sign(record))
    return Case(tap, record, view, view.services[service], NOW)


@pytest.mark.parametrize("in_shards", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("service", list(Service))
def test_an_old_list_is_taken_as_the_service_wants(service: Service, *, in_shards: bool) -> None:
    young = _case(service, YOUNG, Status.VALID, in_shards=in_shards)
    assert decide(young) == Accepted(young.record)
    old = _case(service, OLD, Status.VALID, in_shards=in_shards)
    if service is Service.TRAVEL:
        assert decide(old) == Refused(Reason.LIST_STALE, old.record)
    else:
        assert decide(old) == Accepted(old.record, Reason.LIST_STALE)


@pytest.mark.parametrize("in_shards", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("service", list(Service))
def test_a_lost_card_is_refused_by_an_old_list_too(service: Service, *, in_shards: bool) -> None:
    lost = _case(service, OLD, Status.SUSPENDED, in_shards=in_shards)
    assert decide(lost) == Refused(Reason.SUSPENDED, lost.record)
