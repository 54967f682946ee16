"""What the columns and cells of a file mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers import TransferError, infer_value
from subscribers.attributes import is_attribute_name, is_number
from subscribers.errors import SubscribersError
from subscribers.transfer.fields import assign, attribute_name, header_of
from subscribers.transfer.records import Record, RecordReader

if TYPE_CHECKING:
    from subscribers.transfer.fields import Reading


def meaning(header: list[str], mapping: dict[str, str] | None = None) -> dict[str, str]:
    return {column.header: column.field for column in assign(header, mapping or {}, "people.csv")}


def read(header: list[str], cells: list[str]) -> Record:
    """What one row says, each attribute as its own cell would have it; an error if it is refused."""
    columns = tuple(
        replace(column, reading=kind_of(cells[column.index])) if column.reading == "inferred" else column
        for column in assign(header, {}, "people.csv")
    )
    refused: list[str] = []
    records = RecordReader(columns, len(header)).read(
        [(2, cells)], lambda _line, reason, _cells: refused.append(reason)
    )
    if refused:
        raise SubscribersError(refused[0])
    return records[0]


def kind_of(cell: str) -> Reading:
    return "number" if is_number(cell) else "text"


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "E-Mail",
        "EMAIL ADDRESS",
        "e_mail",
        "Mail",
        "Adresse e-mail",
        "Correo electrónico",
        "E-Mail-Adresse",
    ],
)
def test_the_column_of_addresses_is_known_by_its_name(name: str) -> None:
    assert meaning(["id", name]) == {"id": "id_value", name: "email"}


def test_columns_are_known_in_several_languages() -> None:
    header = ["Vorname", "Nachname", "E-Mail", "Sprache", "Tags", "Land", "Größe (cm)", "2024", ""]

    assert meaning(header) == {
        "Vorname": "first_name",
        "Nachname": "last_name",
        "E-Mail": "email",
        "Sprache": "locale",
        "Tags": "tags",
        "Land": "land",
        "Größe (cm)": "groe_cm",
        "2024": "column_2024",
    }


def test_of_two_likely_columns_the_likelier_is_taken() -> None:
    assert meaning(["Adresse", "E-Mail"]) == {"Adresse": "adresse", "E-Mail": "email"}


def test_a_mapping_wins_over_names() -> None:
    found = meaning(["email", "Business", "plan"], {"email": "business", "tier": "plan"})

    assert found == {"email": "email_value", "Business": "email", "plan": "tier"}


@pytest.mark.parametrize(
    ("header", "mapping", "says", "hint"),
    [
        (["name", "city"], {}, "no column has e-mail addresses", "--map email=COLUMN"),
        (["ann@example.com", "Ann"], {}, "no header", "email,first_name"),
        (["email", "x", "x"], {}, "two columns are called `x`", "rename"),
        (["email", "city"], {"first_name": "ctiy"}, "no column `ctiy`", "did you mean `city`?"),
        (["email", "city"], {"Größe": "city"}, "cannot be filled", "lower case"),
    ],
)
def test_a_header_that_does_not_do_is_refused(
    header: list[str], mapping: dict[str, str], says: str, hint: str
) -> None:
    with pytest.raises(TransferError, match=says) as caught:
        assign(header, mapping, "people.csv")

    assert caught.value.where.startswith("people.csv")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-12", -12),
        ("0", 0),
        ("0.50", 0.5),
        ("true", True),
        ("FALSE", False),
        ("007", "007"),
        ("+49 30 1", "+49 30 1"),
        ("1e5", "1e5"),
        ("1,5", "1,5"),
        ("2026-04-11", "2026-04-11"),
        ("12345678901234567890", "12345678901234567890"),
        ("٣", "٣"),
        ("NaN", "NaN"),
    ],
)
def test_the_type_of_a_cell_is_inferred_only_where_it_is_certain(text: str, value: object) -> None:
    found = infer_value(text)

    assert (found, type(found)) == (value, type(value))


def test_a_row_says_what_its_cells_say() -> None:
    header = ["email", "name", "tags", "status", "joined", "country", "zip:text", "n:json"]
    record = read(
        header,
        [" Ann@Example.com ", "Ann Marie Lee", "a; b,c|a", "Subscribed", "11.04.2026", "DE", "5", "7"],
    )

    assert record.key == "ann@example.com"
    unsaid = dict.fromkeys(("locale", "time_zone", "tracking_consent"), "")
    assert record.texts == {"first_name": "Ann", "last_name": "Marie Lee", **unsaid}
    assert record.tags == ("a", "b", "c")
    assert (record.status, str(record.joined)) == ("active", "2026-04-11 00:00:00+00:00")
    assert record.attributes == {"country": "DE", "zip": "5", "n": 7}


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("email", "", "no e-mail address"),
        ("email", "ann", "no e-mail address"),
        ("status", "gold", "no status"),
        ("status", "erased", "no status"),
        ("tags", "x" * 101, "cannot be a tag"),
        ("x:json", "{", "no JSON"),
        ("x:json", "[1]", "neither text"),
        ("x", "y" * 10_001, "too long"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_the_reason(column: str, cell: str, says: str) -> None:
    header = ["email"] if column == "email" else ["email", column]
    cells = [cell] if column == "email" else ["ann@example.com", cell]

    with pytest.raises(SubscribersError, match=says):
        read(header, cells)


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_column_makes_an_attribute_name_or_none(header: str) -> None:
    name = attribute_name(header)

    assert name == "" or is_attribute_name(name)


@given(st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True), st.sampled_from(["text", "json"]))
@settings(deadline=None)
def test_the_column_that_is_written_for_an_attribute_is_read_as_it(name: str, reading: str) -> None:
    if not is_attribute_name(name):
        return

    column = assign(["email", header_of(name, reading)], {}, "people.csv")[1]  # type: ignore[arg-type]

    assert (column.field, column.reading) == (name, reading)
