"""Where a key stands, found without a grammar of our own."""

import pytest

from entitlements.schemes.tomlfile import KeyPath, TomlFile, locate

TEXT = '''\
# a comment with id = "in it"
id = "one"

title = """
id = "this is inside the text"
"""
list = [
  "a",  # ] not the end
  "b",
]
  indented = { months = 3, "quoted key" = 1 }

[[rule]]
id = "first"

[[rule]]
id = "second"
[rule.validity]
months = 1
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("id",), (2, 1)),
        (("title",), (4, 1)),
        (("list",), (7, 1)),
        (("list", 1), (7, 1)),
        (("indented",), (11, 3)),
        (("indented", "months"), (11, 16)),
        (("rule", 0), (13, 1)),
        (("rule", 0, "id"), (14, 1)),
        (("rule", 1, "id"), (17, 1)),
        (("rule", 1, "validity", "months"), (19, 1)),
    ],
)
def test_a_key_is_found_on_the_line_that_defines_it(path: KeyPath, place: tuple[int, int]) -> None:
    line, column = locate(TEXT, path)
    assert (line, column) == place


def test_a_missing_key_is_reported_at_the_table_it_should_be_in() -> None:
    file = TomlFile("some.toml", TEXT)
    for entry in file.top().tables("rule"):
        entry.text("title")
    assert [str(fault) for fault in file.faults] == [
        "some.toml, line 13, column 1: 'title' is missing",
        "some.toml, line 16, column 1: 'title' is missing",
    ]
