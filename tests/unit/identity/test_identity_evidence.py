"""Documents: what each proves and how old it may be."""

from datetime import date

import pytest

from identity.evidence import KINDS, DocumentShown, Proof, SeenDocument, check_document

TODAY = date(2026, 11, 22)


def faults(shown: DocumentShown, proof: Proof, on: date = TODAY) -> set[str]:
    judged = check_document(shown, proof, on=on)
    return set() if isinstance(judged, SeenDocument) else set(judged)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("proof", Proof)
def test_a_document_is_accepted_for_what_it_proves_and_nothing_else(
    kind: str, proof: Proof
) -> None:
    shown = DocumentShown(kind, TODAY, date(2027, 1, 1))
    assert faults(shown, proof) == (set() if proof in KINDS[kind].proves else {"kind"})


@pytest.mark.parametrize(
    ("kind", "proof", "oldest"),
    [
        ("utility-bill", Proof.ADDRESS, date(2025, 11, 22)),
        ("universal-credit", Proof.BENEFIT, date(2026, 8, 22)),
        ("housing-benefit", Proof.BENEFIT, date(2025, 11, 22)),
        ("disability-d-walking", Proof.DISABILITY, date(2025, 11, 22)),
        ("council-tax-record", Proof.ADDRESS, TODAY),
    ],
)
def test_a_document_is_accepted_up_to_its_age_and_no_older(
    kind: str, proof: Proof, oldest: date
) -> None:
    assert faults(DocumentShown(kind, oldest), proof) == set()
    older = date.fromordinal(oldest.toordinal() - 1)
    assert faults(DocumentShown(kind, older), proof) == {"dated_on"}


def test_months_are_counted_to_the_end_of_a_short_month() -> None:
    on = date(2027, 5, 31)
    award = DocumentShown("universal-credit", date(2027, 2, 28))
    assert faults(award, Proof.BENEFIT, on) == set()
    award = DocumentShown("universal-credit", date(2027, 2, 27))
    assert faults(award, Proof.BENEFIT, on) == {"dated_on"}


@pytest.mark.parametrize("dated_on", ["", "yesterday", "31/02/2026", date(2026, 11, 23)])
def test_a_bill_without_a_usable_date_is_not_accepted(dated_on: date | str) -> None:
    assert faults(DocumentShown("utility-bill", dated_on), Proof.ADDRESS) == {"dated_on"}


def test_a_passport_needs_no_date_but_a_date_given_must_be_right() -> None:
    assert faults(DocumentShown("passport"), Proof.IDENTITY) == set()
    assert faults(DocumentShown("passport", "soon"), Proof.IDENTITY) == {"dated_on"}


@pytest.mark.parametrize(
    ("expires_on", "expected"),
    [(TODAY, set()), ("21/11/2026", {"expires_on"}), ("", {"expires_on"}), ("x", {"expires_on"})],
)
def test_a_driving_licence_counts_until_it_expires(
    expires_on: date | str, expected: set[str]
) -> None:
    shown = DocumentShown("driving-licence", expires_on=expires_on)
    assert faults(shown, Proof.IDENTITY) == expected


@pytest.mark.parametrize(
    ("holds_until", "expected"),
    [
        (date(2030, 6, 30), set()),
        (TODAY, set()),
        (date(2026, 11, 21), {"dated_on", "expires_on"}),
        ("soon", {"dated_on", "expires_on"}),
        ("", {"dated_on"}),
    ],
)
def test_an_older_disability_letter_counts_while_it_states_that_it_holds(
    holds_until: date | str, expected: set[str]
) -> None:
    letter = DocumentShown("disability-d-walking", date(2024, 1, 10), holds_until)
    assert faults(letter, Proof.DISABILITY) == expected


@pytest.mark.parametrize("kind", ["universal-credit", "personal-independence-payment"])
def test_a_benefit_letter_is_recent_whatever_it_states(kind: str) -> None:
    letter = DocumentShown(kind, date(2024, 1, 10), date(2030, 6, 30))
    assert faults(letter, Proof.BENEFIT) == {"dated_on"}


@pytest.mark.parametrize("kind", ["", "library card", "Passport", "\x00"])
def test_an_unknown_kind_of_document_is_not_accepted(kind: str) -> None:
    assert faults(DocumentShown(kind, TODAY), Proof.IDENTITY) == {"kind"}
