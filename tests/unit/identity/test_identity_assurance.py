"""A level is derived from five scores by one table, and nothing that was not checked counts."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.assurance import (
    PROFILES,
    AssuranceLevel,
    Confidence,
    Piece,
    Profile,
    Scores,
    assurance_of,
)
from identity.evidence import KINDS, DocumentShown, Examination, Proof, SeenDocument, check_document
from tests.support.people import NOW

TODAY = NOW.date()
SCORE = st.integers(0, 4)
PIECES = st.lists(st.builds(Piece, SCORE, SCORE), max_size=4).map(tuple)
ANY = st.builds(Scores, pieces=PIECES, activity=SCORE, fraud=SCORE, verification=SCORE)


def of(profile: Profile) -> Scores:
    return Scores(
        pieces=profile.pieces,
        activity=profile.activity,
        fraud=profile.fraud,
        verification=profile.verification,
    )


def named(name: str) -> Profile:
    return next(profile for profile in PROFILES if profile.name == name)


def test_the_table_is_that_of_low_and_medium() -> None:
    names = [profile.name for profile in PROFILES]
    assert names == (
        "M1A M1B M1C M1D M2A M2B M2C M3A L1A L1B L1C L2A L2B L3A".split()  # noqa: SIM905  (a line of the guidance)
    )
    assert all(
        (each.confidence is Confidence.MEDIUM) == each.name.startswith("M") for each in PROFILES
    )
    for profile in PROFILES:
        assert len(profile.pieces) == int(profile.name[1])


def test_pieces_are_listed_so_that_counting_them_is_enough() -> None:
    for profile in PROFILES:
        for harder, easier in pairwise(profile.pieces):
            assert harder.strength >= easier.strength
            assert harder.validity >= easier.validity


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_exactly_its_scores_meet_a_profile(profile: Profile) -> None:
    met = assurance_of(of(profile)).profile
    assert met is not None
    assert met.confidence is profile.confidence


@pytest.mark.parametrize("part", ["activity", "fraud", "verification"])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_one_score_too_low_does_not_meet_it(profile: Profile, part: str) -> None:
    exact = of(profile)
    wanted = getattr(exact, part)
    if wanted == 0:
        return  # the profile does not ask for it
    lowered = msgspec.structs.replace(exact, **{part: wanted - 1})
    assert assurance_of(lowered).profile != profile


def test_one_document_does_not_count_for_two() -> None:
    twice = named("M2B")
    once = Scores(pieces=(Piece(3, 2),), activity=1, fraud=1, verification=2)
    met = assurance_of(once).profile
    assert met is not None
    assert met.name == "L1A"
    both = Scores(pieces=(Piece(2, 2), Piece(3, 2)), activity=1, fraud=1, verification=2)
    assert assurance_of(both).profile == twice


def test_without_checks_there_is_only_somebodys_word() -> None:
    nothing = assurance_of(Scores())
    assert nothing.level is AssuranceLevel.SELF_ASSERTED
    assert nothing.profile is None


@given(ANY, ANY)
def test_more_checks_never_lower_what_is_known(first: Scores, more: Scores) -> None:
    together = Scores(
        pieces=first.pieces + more.pieces,
        activity=max(first.activity, more.activity),
        fraud=max(first.fraud, more.fraud),
        verification=max(first.verification, more.verification),
    )
    ranks = {None: 0, Confidence.LOW: 1, Confidence.MEDIUM: 2}

    def rank(scores: Scores) -> int:
        profile = assurance_of(scores).profile
        return ranks[profile.confidence if profile else None]

    assert rank(together) >= max(rank(first), rank(more))


def test_only_what_shows_who_somebody_is_has_a_strength() -> None:
    for kind in KINDS.values():
        assert (kind.strength > 0) == (Proof.IDENTITY in kind.proves)
        assert 0 <= kind.strength <= 4
        assert not kind.has_photo or kind.strength > 0


def test_what_was_not_said_is_the_least() -> None:
    seen = check_document(DocumentShown("passport"), Proof.IDENTITY, on=TODAY)
    assert isinstance(seen, SeenDocument)
    assert (seen.examined, seen.photo_matched) == (Examination.LOOKED_AT, False)


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        (DocumentShown("passport", examined="by magic"), "examined"),
        (DocumentShown("birth-certificate", photo_matched=True), "photo"),
    ],
)
def test_a_check_that_cannot_be_is_refused(shown: DocumentShown, fault: str) -> None:
    judged = check_document(shown, Proof.IDENTITY, on=TODAY)
    assert not isinstance(judged, SeenDocument)
    assert set(judged) == {fault}
