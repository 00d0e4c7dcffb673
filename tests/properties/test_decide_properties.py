"""Whatever comes together at a tap: a yes means that nothing at all spoke against it."""

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from readers.contract.record import RecordStatus, binding_for
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.windows import is_open, london_date
from readers.contract.wire import CheckAnswer, StalePolicy
from readers.terminal.decide import CHECKS, Accepted, Case, Refused, Tap, decide
from tests.support.issuer import NOW, UID, Issuer

ISSUER = Issuer()
for entry, entered in enumerate((Status.VALID, Status.INVALID, Status.SUSPENDED, 3)):
    for every in Service:
        ISSUER.statuses[every][entry] = entered
VIEWS = {service: ISSUER.view(service) for service in Service}

hours = st.integers(-1000, 1000).map(lambda number: timedelta(hours=number))
answers = st.none() | st.builds(
    CheckAnswer,
    status=st.none() | st.integers(0, 3),
    update_owed=st.booleans(),
    server_time=st.just(NOW),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    service = draw(st.sampled_from(Service))
    now = NOW + draw(hours)
    record = ISSUER.record(
        draw(st.sampled_from((service, service, service, Service.LIBRARY))),
        valid_from=now + draw(st.sampled_from((-1, -1, 0, 1))) * timedelta(hours=1),
        valid_until=now + draw(st.sampled_from((-1, 0, 1, 1))) * timedelta(hours=1),
        status=draw(st.sampled_from(RecordStatus)),
        status_index=draw(st.sampled_from((0, 0, 1, 2, 3, 10**6))),
        binding=binding_for(draw(st.sampled_from((UID, UID, UID[::-1]))), service),
    )
    bundle = VIEWS[service]
    rules = msgspec.structs.replace(
        bundle.services[service],
        listed_at=now - draw(st.integers(0, 72)) * timedelta(hours=1),
        list_expires_at=now + draw(st.sampled_from((-1, 0, 1, 9))) * timedelta(hours=1),
    )
    return Case(Tap(UID, service, b"any"), record, bundle, rules, now, draw(answers))


@given(case=cases())
def test_a_yes_means_that_nothing_spoke_against_it(case: Case) -> None:
    outcome = decide(case)
    if isinstance(outcome, Refused):
        assert outcome.reason in {check.reason for check in CHECKS if check.objects(case)}
        return
    record, rules, answer = case.record, case.rules, case.answer
    told = answer.status if answer is not None else None
    status = told if told is not None else rules.statuses[record.status_index]
    assert status == Status.VALID
    assert record.service is case.tap.service
    assert record.binding == binding_for(UID, case.tap.service)
    assert record.status is RecordStatus.ACTIVE
    assert record.valid_from <= case.now < record.valid_until
    window = rules.window_on(london_date(case.now))
    assert window is None or is_open(window, case.now, case.bundle.bank_holidays)
    old = told is None and (
        case.now - rules.listed_at >= timedelta(hours=24) or case.now >= rules.list_expires_at
    )
    assert not (old and rules.stale_policy is StalePolicy.REFER)
    assert (outcome.flag is not None) is old


@given(case=cases())
def test_the_same_tap_is_decided_the_same_way(case: Case) -> None:
    assert decide(case) == decide(case)


@given(case=cases())
def test_another_check_never_turns_a_no_into_a_yes(case: Case) -> None:
    decided = [isinstance(decide(case, CHECKS[:count]), Accepted) for count in range(11)]
    assert decided == sorted(decided, reverse=True)
