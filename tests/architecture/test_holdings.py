"""The table of what is held leaves out no table, no resident's row and no reason."""

from uuid import UUID

from cardservice import schema
from cardservice.erasing import children_first
from cardservice.holdings import HOLDINGS, NOT_OF_PEOPLE
from cardservice.holdings.holding import BASES, Fate, LawfulBasis
from cardservice.personal_data import TABLES
from identity.db import Base
from identity.grounds import EXCEPTIONS, REFUSING, Ground

schema.import_tables()
BY_ADDRESS = {"outbox_message"}
"""Rows that are found by an e-mail address; `erasing` removes them so."""


def test_every_table_of_the_database_is_in_it() -> None:
    schema.import_tables()
    held = {holding.table for holding in HOLDINGS}
    assert held & set(NOT_OF_PEOPLE) == set()
    assert held | set(NOT_OF_PEOPLE) == set(Base.metadata.tables)


def test_every_table_that_refers_to_an_account_says_which_rows_are_whose() -> None:
    refer = {
        table.name
        for table in Base.metadata.tables.values()
        if any(key.column.table.name == "account" for key in table.foreign_keys)
    }
    sayable = {holding.table for holding in HOLDINGS if holding.of is not None}
    assert refer <= sayable
    assert {table.model.__tablename__ for table in TABLES} <= sayable
    assert len(refer) > 15


def test_what_outlives_a_person_has_a_ground_and_nothing_else_has_one() -> None:
    for holding in HOLDINGS:
        kept = holding.fate is not Fate.REMOVED
        assert kept == (holding.ground is not None), holding.table
        assert holding.of is not None or not kept, holding.table
        assert holding.what, holding.table


def test_what_no_account_owns_has_a_period() -> None:
    endless = {
        holding.table for holding in HOLDINGS if holding.of is None and holding.period is None
    }
    assert endless == set()


def test_rows_are_removed_before_those_they_refer_to() -> None:
    order = [holding.table for holding in children_first(HOLDINGS)]
    for table in Base.metadata.tables.values():
        for key in table.foreign_keys:
            other = key.column.table.name
            if table.name in order and other in order and other != table.name:
                assert order.index(table.name) < order.index(other), (table.name, other)


def test_every_ground_and_basis_has_words_and_some_may_refuse_an_erasure() -> None:
    assert set(EXCEPTIONS) == set(Ground)
    assert set(BASES) == set(LawfulBasis)
    assert all(each.law for each in EXCEPTIONS.values())
    assert set(REFUSING) == {Ground.FRAUD, Ground.CHARGES, Ground.LEGAL_CLAIM}
    used = {holding.ground for holding in HOLDINGS} - {None}
    assert used | set(REFUSING) == set(Ground)


def test_conditions_can_be_made_for_any_account() -> None:
    for holding in HOLDINGS:
        if holding.of is not None:
            assert str(holding.of(UUID(int=1)))
