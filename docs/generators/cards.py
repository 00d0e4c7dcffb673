"""docs/cards.md."""

from cardservice.charge_causes import Relief
from cardservice.lifecycle import FINAL, MOVES, STATUS, Move
from cardservice.models import COMING, LIVE, CardState
from cardservice.products import Cost, Product, built_in
from entitlements.schemes.dates import NEVER, in_words
from entitlements.schemes.notes import money
from identity.roles import WORDS, Act

FREE: dict[Relief, str] = {
    Relief.CRIME_REFERENCE: "nothing, with a crime reference from the police",
    Relief.FAULTY: "nothing; a payment is given back when the card turns out to be faulty",
}


def cards() -> str:
    """docs/cards.md."""
    states = "\n".join(_state(state) for state in CardState)
    moves = "\n".join(_move(before, to, move) for (before, to), move in MOVES.items())
    acts = "; ".join(f"`{act}` is to {WORDS[act]}" for act in (Act.REPORT_CARD, Act.MAKE_CARD))
    found = built_in()
    products = "\n".join(_product(each) for each in found.products)
    costs = "\n".join(_cost(each) for each in found.costs)
    return f"""# The life of a card, the cards there are, and what another costs

Generated from the code (`make docs`); a test keeps it true.

## States

A holder has at most one card of a product, and at most one on its way; the database holds to both.
When the one on its way is put to use, the other is replaced.

| state | the holder | its records on every reader’s list |
|---|---|---|
{states}

## Moves

What is not here cannot happen. The service itself makes moves at night, when a record is erased,
and for `kentcard cards move`, which asks for the act of the move. A card goes to use only while its
last day has not passed and its holder is not recorded as deceased. Which role has which act is in
docs/roles.md: {acts}.

| from | to | staff who may | holder | terminal | what follows |
|---|---|---|---|---|---|
{moves}

## Products

A product is a face. What its holder may have is on the chip and changes at a tap; a card is made
again only when its face says what is not so any more. A Kent Card is not a statutory travel permit.
From `cardservice/products.toml`; the last days of an authority’s cards are in
`entitlements/schemes/authorities.toml`, and no card lasts longer than five years.

| product | called | issued | by | at most | made by | its face shows, and nothing else |
|---|---|---|---|---|---|---|
{products}

## Charges

| replaced because it was | from | costs | but |
|---|---|---|---|
{costs}
"""


def _state(state: CardState) -> str:
    has = "has it" if state in LIVE else "will have it" if state in COMING else "–"
    effect = STATUS[state].name.lower()
    return f"| {state} | {has} | {effect}{', for ever' if state in FINAL else ''} |"


def _move(before: CardState, to: CardState, move: Move) -> str:
    follows = "another is charged for" if move.charge else ""
    if move.ends_other:
        follows = "the card they had is replaced"
    who = f"`{move.act}`" if move.act else "–"
    holder, terminal = ("yes" if each else "–" for each in (move.holder, move.terminal))
    return f"| {before} | {to} | {who} | {holder} | {terminal} | {follows or '–'} |"


def _product(each: Product) -> str:
    until = "" if each.last == NEVER else f" to {in_words(each.last)}"
    face = ", ".join(each.face)
    strips = "; ".join(f"{colour} strip for `{scheme}`" for scheme, colour in each.strips.items())
    return (
        f"| `{each.id}` | {each.name} | from {in_words(each.first)}{until} | {each.issuer} | "
        f"{each.longest_months} months | {', '.join(sorted(each.made_by))} | "
        f"{face}{f' ({strips})' if strips else ''} |"
    )


def _cost(each: Cost) -> str:
    but = FREE[each.free_for] if each.free_for else "–"
    until = "" if each.last == NEVER else f" to {in_words(each.last)}"
    return f"| {each.id} | {in_words(each.first)}{until} | {money(each.pence)} | {but} |"
