"""Any list of numbers is the same list after it was packed, sent and read."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from readers.contract.statuslist import Bits, StatusList, from_claim, to_claim
from readers.errors import StatusListError

widths: st.SearchStrategy[Bits] = st.sampled_from((1, 2, 4, 8))


@given(bits=widths, data=st.data())
def test_a_list_is_read_back_as_written(bits: Bits, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=200))
    written = StatusList.of_size(len(values), bits)
    for index, value in enumerate(values):
        written[index] = value
    read = from_claim(to_claim(written))
    assert [read[index] for index in range(len(values))] == values


@given(data=st.data())
def test_setting_one_entry_changes_no_other(data: st.DataObject) -> None:
    bits = data.draw(widths)
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=40))
    changed = StatusList.of_size(len(values), bits)
    for index, value in enumerate(values):
        changed[index] = value
    place = data.draw(st.integers(0, len(values) - 1))
    values[place] = data.draw(st.integers(0, 2**bits - 1))
    changed[place] = values[place]
    assert [changed[index] for index in range(len(values))] == values


@given(
    claim=st.dictionaries(
        st.sampled_from(("bits", "lst")),
        st.one_of(st.integers(), st.text(max_size=40), st.binary(max_size=40), st.none()),
    )
)
def test_no_claim_at_all_brings_the_reader_down(claim: dict[str, object]) -> None:
    with contextlib.suppress(StatusListError):
        from_claim(claim)
