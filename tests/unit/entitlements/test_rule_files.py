"""Rule files with faults: every one is reported, with file, line and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from entitlements.errors import SchemesFaulty
from entitlements.schemes.explain import check_schemes
from entitlements.schemes.rulebook import load_schemes
from tests.support.reorganised import copy_of_the_rules

Edit = Callable[[str, str, str], None]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return copy_of_the_rules(tmp_path)


@pytest.fixture
def edit(rules: Path) -> Edit:
    """Replaces text that must be there, in one of the files."""

    def replace(name: str, was: str, becomes: str) -> None:
        text = (rules / name).read_text(encoding="utf-8")
        assert was in text
        (rules / name).write_text(text.replace(was, becomes, 1), encoding="utf-8")

    return replace


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(place for place, line in enumerate(lines, start=1) if text in line)


def test_the_built_in_rules_have_no_faults() -> None:
    assert check_schemes() == ()


@pytest.mark.parametrize(
    ("was", "becomes", "at", "said"),
    [
        ('fact = "birth_date"', 'fact = "birthdate"', "birthdate", "there is no fact 'birthdate'"),
        ('op = "pensionable_by"', 'op = "older_than"', "older_than", "no operator 'older_than'"),
        ('fact = "birth_date"', 'fact = "district"', None, "'district' is not a date, which"),
        ("value = false", 'value = "no"', 'value = "no"', "'value' must be true or false"),
        ("value = false", "value = 0", "value = 0", "'value' must be true or false"),
        ('area = "kent"', 'area = "surrey"', "surrey", "there is no area 'surrey'"),
        ('"state-pension-age"', '"pension"', '"pension"', "there is no table 'pension'"),
        ('service = "travel"', 'service = "bus"', 'service = "bus"', "there is no service 'bus'"),
        ("2010-04-06", '"2010"', 'from = "2010"', "'effective_from' must be a date such as"),
        ("2010-04-06", "2010-04-06T00:00:00", "T00", "'effective_from' must be a date such as"),
        ("2010-04-06", "2010-04-06\neffective_to = 2009-01-01", "effective_to", "is before"),
        (
            'class = "older"',
            'class = "Older person"',
            'class = "Older person"',
            "small letters, digits",
        ),
        ("months = 60", "months = true", "months = true", "'months' must be a whole number"),
        ("months = 60", "months = 0", "months = 0", "'months' must be 1 or more"),
        ("months = 60", "months = -1", "months = -1", "'months' must be 0 or more"),
        ("months = 60", "years = 5", "years = 5", "'years' is not a key that is known here"),
        ("months = 60", "years = 5", "[rule.validity]", "'months' is missing"),
        ('name = "living"', 'name = "home-in-kent"', "[[rule.conditions]]", "two conditions"),
        ('name = "living"', 'name = " "', 'name = " "', "'name' is empty"),
        ("alone.", "alone, {name}.", "{name}", "'why': nothing may stand in braces here"),
        ("on {date}.", "on {day}.", "{day}", "'why': only {date} may stand in braces here"),
        ('id = "travel-older"', 'id = "elders"', 'id = "elders"', "must be in a file called"),
        ('why_not = "You reach', 'why_nought = "You reach', "why_nought", "is not a key that is"),
    ],
)
def test_a_fault_is_found_where_it_stands(
    rules: Path, edit: Edit, was: str, becomes: str, at: str | None, said: str
) -> None:
    edit("travel-older.toml", was, becomes)
    faults = [fault for fault in check_schemes(rules) if said in fault]
    assert len(faults) == 1, check_schemes(rules)
    if at is not None:
        line = line_of(rules / "travel-older.toml", at)
        assert faults[0].startswith(f"travel-older.toml, line {line}, column ")


@pytest.mark.parametrize(
    ("name", "was", "becomes", "said"),
    [
        (
            "travel-older.toml",
            "[rule.validity]\nmonths = 60\nto_card_expiry = true\n",
            "",
            "line 13, column 1: 'validity' is missing",
        ),
        ("travel-older.toml", "[rule.validity]", "validity = 60\n[rule.other]", "must be a table"),
        ("travel-older.toml", "[rule.validity]", "bands = []\n[rule.validity]", "headed [[bands]]"),
        ("library.toml", 'fact = "district"\n', "", "'fact' is missing"),
        ("travel-older.toml", 'version = "1"\n', "", "'version' is missing"),
        ("travel-older.toml", 'op = "equals"\n', "", "'op' is missing"),
        ("travel-disabled.toml", 'ask = "', 'asks = "', "'ask' is missing"),
        ("travel-disabled.toml", "or_until_stated = true", "or_until_stated = 1", "true or false"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_said_once(
    rules: Path, edit: Edit, name: str, was: str, becomes: str, said: str
) -> None:
    edit(name, was, becomes)
    assert len([fault for fault in check_schemes(rules) if said in fault]) == 1


def test_a_missing_table_is_one_fault_and_not_one_for_each_of_its_keys(
    rules: Path, edit: Edit
) -> None:
    edit("travel-older.toml", "[rule.validity]\nmonths = 60\nto_card_expiry = true\n", "")
    assert len(check_schemes(rules)) == 1


def test_evidence_must_name_a_kind(rules: Path) -> None:
    path = rules / "leisure-tonbridge-and-malling.toml"
    head, _ = path.read_text(encoding="utf-8").split("[rule.conditions.within_months]")
    path.write_text(f"{head}[rule.conditions.within_months]\n", encoding="utf-8")
    [fault] = check_schemes(rules)
    assert "'within_months' names no kind of evidence" in fault


def test_a_second_version_without_a_first_day_is_one_fault(rules: Path) -> None:
    second_version(rules, ends="effective_to = 2027-03-31\n", begins="2027-04-01")
    path = rules / "travel-older.toml"
    text = path.read_text(encoding="utf-8").replace("effective_from = 2027-04-01\n", "")
    path.write_text(text, encoding="utf-8")
    [fault] = check_schemes(rules)
    assert fault.endswith("'effective_from' is missing")


def test_every_fault_of_every_file_is_reported_at_once(rules: Path, edit: Edit) -> None:
    edit("travel-older.toml", 'fact = "birth_date"', 'fact = "birthdate"')
    edit("travel-older.toml", 'op = "equals"', 'op = "is"')
    edit("library.toml", 'title = "Library membership"\n', "")
    edit("library.toml", "from_age = 18", "from_age = 80")
    edit("leisure-tonbridge-and-malling.toml", "universal-credit = 3", "universal-credits = 3")
    stand = [
        ("leisure-tonbridge-and-malling.toml", "universal-credits"),
        ("library.toml", "# Library membership"),
        ("library.toml", "[[rule.bands]]"),
        ("travel-older.toml", 'op = "is"'),
        ("travel-older.toml", "birthdate"),
    ]
    expected = [f"{name}, line {line_of(rules / name, text)}, column 1" for name, text in stand]
    assert [fault.split(":")[0] for fault in check_schemes(rules)] == expected


def second_version(rules: Path, *, ends: str, begins: str, version: str = "2") -> None:
    path = rules / "travel-older.toml"
    head, rule = path.read_text(encoding="utf-8").split("[[rule]]\n")
    first = rule.replace("2010-04-06\n", f"2010-04-06\n{ends}", 1)
    second = rule.replace("2010-04-06", begins, 1).replace('"1"', f'"{version}"', 1)
    path.write_text(f"{head}[[rule]]\n{first}\n[[rule]]\n{second}", encoding="utf-8")


@pytest.mark.parametrize(
    ("ends", "begins", "said"),
    [
        ("", "2027-04-01", "version '2' overlaps version '1', which lasts to no set day"),
        ("effective_to = 2027-04-01\n", "2027-04-01", "overlaps version '1', which lasts to 2027"),
        ("effective_to = 2027-03-30\n", "2027-04-01", "no version is in force between 2027-03-30"),
    ],
)
def test_versions_may_neither_overlap_nor_leave_a_gap(
    rules: Path, ends: str, begins: str, said: str
) -> None:
    second_version(rules, ends=ends, begins=begins)
    [fault] = check_schemes(rules)
    assert said in fault
    line = line_of(rules / "travel-older.toml", f"effective_from = {begins}")
    assert fault.startswith(f"travel-older.toml, line {line}, column 1")


def test_versions_that_follow_each_other_are_right(rules: Path) -> None:
    second_version(rules, ends="effective_to = 2027-03-31\n", begins="2027-04-01")
    assert check_schemes(rules) == ()


def test_a_version_may_not_be_named_twice(rules: Path) -> None:
    second_version(rules, ends="effective_to = 2027-03-31\n", begins="2027-04-01", version="1")
    [fault] = check_schemes(rules)
    assert "version '1' is there twice" in fault


def test_schemes_that_wait_for_each_other_are_named(rules: Path, edit: Edit) -> None:
    edit("travel-disabled.toml", 'scheme = "travel-older"', 'scheme = "travel-disabled"')
    ring = "these schemes wait for each other: travel-companion, travel-disabled"
    assert check_schemes(rules) == (
        f"travel-companion.toml, line 1, column 1: {ring}",
        f"travel-disabled.toml, line 1, column 1: {ring}",
    )


def test_a_scheme_that_is_not_there_is_named(rules: Path) -> None:
    (rules / "travel-older.toml").unlink()
    faults = check_schemes(rules)
    assert {fault.split(",")[0] for fault in faults} == {
        "travel-companion.toml",
        "travel-disabled.toml",
    }
    assert all("there is no scheme 'travel-older' that can be read" in fault for fault in faults)


def test_a_file_that_is_not_toml_is_named_with_line_and_column(rules: Path, edit: Edit) -> None:
    edit("library.toml", 'service = "library"', "service = library")
    [fault] = check_schemes(rules)
    line = line_of(rules / "library.toml", "service = library")
    assert fault.startswith(f"library.toml, line {line}, column 11: not TOML: ")


def test_a_file_that_is_not_finished_is_named(rules: Path, edit: Edit) -> None:
    edit("library.toml", 'title = "Library membership"', 'title = """Library membership')
    [fault] = check_schemes(rules)
    assert "not TOML: " in fault


def test_a_file_that_is_not_text_is_named(rules: Path) -> None:
    (rules / "library.toml").write_bytes(b"\xff\xfe\x00")
    [fault] = check_schemes(rules)
    assert fault == "library.toml, line 1, column 1: cannot be read: it is not UTF-8 text"


def test_bands_need_a_condition_that_makes_sure_of_the_first_ones_age(
    rules: Path, edit: Edit
) -> None:
    edit("library.toml", "from_age = 0", "from_age = 5")
    [fault] = check_schemes(rules)
    assert "no condition makes sure of an age of at least 5" in fault


def test_more_conditions_than_the_bits_of_a_batch_are_refused(rules: Path) -> None:
    path = rules / "travel-older.toml"
    text = path.read_text(encoding="utf-8")
    head, *conditions = text.split("[[rule.conditions]]\n")
    many = "".join(
        "[[rule.conditions]]\n" + conditions[0].replace('"living"', f'"living-{n}"')
        for n in range(33)
    )
    path.write_text(head + many, encoding="utf-8")
    [fault] = check_schemes(rules)
    assert "at most 32 conditions" in fault


def test_a_directory_without_rules_is_refused(rules: Path) -> None:
    for path in rules.glob("*-*.toml"):
        path.unlink()
    (rules / "library.toml").unlink()
    with pytest.raises(SchemesFaulty, match="there are no rule files here"):
        load_schemes(rules)


def test_a_new_scheme_is_one_more_file(rules: Path) -> None:
    text = (rules / "leisure-tonbridge-and-malling.toml").read_text(encoding="utf-8")
    new = text.replace('"leisure-tonbridge-and-malling"', '"leisure-swimming"')
    (rules / "leisure-swimming.toml").write_text(new, encoding="utf-8")
    assert "leisure-swimming" in load_schemes(rules)
