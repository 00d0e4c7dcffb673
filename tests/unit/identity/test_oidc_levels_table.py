"""The table of levels knows every way of signing in."""

import pytest

from identity.oidc.levels import LEVELS, WAYS, is_reached, level_of
from identity.signin_models import SignInMethod


def test_every_way_of_signing_in_has_its_row() -> None:
    assert set(WAYS) == set(SignInMethod)


@pytest.mark.parametrize(
    "method", [each for each in SignInMethod if each is not SignInMethod.PASSKEY]
)
def test_no_way_but_a_passkey_is_two_factors_by_itself(method: SignInMethod) -> None:
    assert level_of([method]) == "aal1"
    assert level_of([method, method]) == "aal1"


def test_a_code_by_email_raises_nothing() -> None:
    others = [method for method in SignInMethod if method is not SignInMethod.PASSKEY]
    for method in others:
        assert level_of([method, SignInMethod.EMAIL_CODE]) == "aal1"


def test_two_things_somebody_has_are_one_factor() -> None:
    assert level_of([SignInMethod.APP, SignInMethod.RECOVERY_CODE]) == "aal1"
    assert level_of([SignInMethod.PASSWORD, SignInMethod.RECOVERY_CODE]) == "aal2"


def test_a_session_without_a_method_shows_the_least() -> None:
    assert level_of([]) == "aal1"


def test_a_stronger_level_is_as_good_as_the_one_wished_for() -> None:
    assert is_reached("aal2", ["aal1"])
    assert not is_reached("aal1", ["aal2"])
    assert is_reached("aal1", [])
    assert LEVELS == ("aal1", "aal2")
