"""Who renews: nobody is left out for what is not known, and nobody's card is posted on a guess."""

from datetime import date, timedelta
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardservice import renewal_rules
from cardservice.renewal_rules import (
    SETTLED_BY_ANSWER,
    WORDS,
    Asking,
    Asks,
    Entitled,
    Known,
    Leaves,
    Leaving,
    Renews,
    Terms,
)

ON: Final = date(2028, 3, 1)
TERMS: Final = Terms(used_within_months=12, photo_years=10)
WELL: Final = Known(
    deceased=False,
    erased=False,
    in_hand=True,
    issued=True,
    coming=False,
    used_on=date(2028, 2, 20),
    address_shown=True,
    came_back=False,
    photo_on=date(2023, 3, 1),
    entitled=Entitled.YES,
)


def decided(**changed: object) -> renewal_rules.Verdict:
    return renewal_rules.decide(msgspec.structs.replace(WELL, **changed), TERMS, ON)


def test_a_card_in_use_whose_holder_is_known_renews_by_itself() -> None:
    assert decided() == Renews()


def test_no_recorded_use_is_a_question_and_never_a_no() -> None:
    assert decided(used_on=None) == Asks((Asking.USE_NOT_KNOWN,))
    assert decided(used_on=date(2027, 2, 28)) == Asks((Asking.USED_LONG_AGO,))
    assert decided(used_on=date(2027, 3, 1)) == Renews()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"in_hand": False}, Asking.CARD_REPORTED),
        ({"address_shown": False}, Asking.ADDRESS_NOT_SHOWN),
        ({"came_back": True}, Asking.MAIL_CAME_BACK),
        ({"photo_on": None}, Asking.PHOTO_MISSING),
        ({"photo_on": date(2018, 2, 28)}, Asking.PHOTO_TOO_OLD),
        ({"entitled": Entitled.NOT_KNOWN}, Asking.ENTITLEMENT_NOT_KNOWN),
    ],
)
def test_whoever_is_in_doubt_is_asked(changed: dict[str, object], why: Asking) -> None:
    assert decided(**changed) == Asks((why,))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"deceased": True}, Leaving.DECEASED),
        ({"erased": True, "deceased": True}, Leaving.ERASED),
        ({"issued": False}, Leaving.NOT_ISSUED),
        ({"coming": True}, Leaving.ON_ITS_WAY),
        ({"entitled": Entitled.NO}, Leaving.NOT_ENTITLED),
    ],
)
def test_whoever_may_not_have_it_is_not_asked(changed: dict[str, object], why: Leaving) -> None:
    assert decided(**changed, used_on=None) == Leaves(why)


def test_somebody_is_told_every_reason_at_once() -> None:
    found = decided(used_on=None, came_back=True, photo_on=None)
    assert found == Asks((Asking.USE_NOT_KNOWN, Asking.MAIL_CAME_BACK, Asking.PHOTO_MISSING))


def test_a_product_without_a_photograph_asks_for_none() -> None:
    without = Terms(used_within_months=12, photo_years=None)
    bare = msgspec.structs.replace(WELL, photo_on=None)
    assert renewal_rules.decide(bare, without, ON) == Renews()


def test_what_the_holder_says_settles_what_is_theirs_to_say() -> None:
    assert decided(used_on=None, address_shown=False, said=True) == Renews()
    assert decided(came_back=True, said=True) == Asks((Asking.MAIL_CAME_BACK,))
    assert decided(photo_on=None, used_on=None, said=True) == Asks((Asking.PHOTO_MISSING,))
    assert decided(entitled=Entitled.NOT_KNOWN, said=True) == Asks((Asking.ENTITLEMENT_NOT_KNOWN,))
    assert decided(entitled=Entitled.NO, said=True) == Leaves(Leaving.NOT_ENTITLED)


def test_every_reason_has_words() -> None:
    assert set(WORDS) == {*Asking, *Leaving}
    assert {Asking.USE_NOT_KNOWN, Asking.USED_LONG_AGO} <= SETTLED_BY_ANSWER


_DAYS = st.one_of(st.none(), st.dates(ON - timedelta(days=9000), ON))


@given(
    used_on=_DAYS,
    photo_on=_DAYS,
    in_hand=st.booleans(),
    address_shown=st.booleans(),
    came_back=st.booleans(),
    said=st.booleans(),
    entitled=st.sampled_from([Entitled.YES, Entitled.NOT_KNOWN]),
)
def test_nobody_alive_and_not_refused_is_ever_left_out(**changed: object) -> None:
    found = decided(**changed)
    assert not isinstance(found, Leaves)
    if changed["used_on"] is None and not changed["said"]:
        assert isinstance(found, Asks)
        assert Asking.USE_NOT_KNOWN in found.why
    if changed["entitled"] is Entitled.NOT_KNOWN:
        assert isinstance(found, Asks)
