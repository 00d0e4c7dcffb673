"""What residents read about scopes is true."""

from identity.oidc.grants import GRANT_LIFE
from identity.oidc.scopes import OFFLINE_ACCESS, SCOPES


def test_agreeing_to_offline_access_says_for_how_long() -> None:
    assert f"for {GRANT_LIFE.days} days" in SCOPES[OFFLINE_ACCESS].words


def test_every_scope_that_opens_a_claim_about_somebody_says_which() -> None:
    for name, scope in SCOPES.items():
        assert bool(scope.words) == (scope.for_people and name != "openid")
