"""Looks through a whole file before anything is written: rows, types of attributes, orders of dates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from subscribers.attributes import is_number, is_yes_or_no
from subscribers.transfer.dates import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from subscribers.transfer.dates import Order
    from subscribers.transfer.fields import Column, Reading
    from subscribers.transfer.reading import Sheet

_ROWS_AT_A_TIME = 5_000


@dataclass(frozen=True)
class Inspection:
    """What a look at all rows has shown: how many there are, and the columns with their types."""

    rows: int
    columns: tuple[Column, ...]


def inspect(sheet: Sheet, columns: Sequence[Column], dates: Order = "") -> Inspection:
    """Give every attribute one type for the whole file, and find a file that breaks off before it is used.

    A column is of numbers, or of yes and no, only if each of its cells is; else it is text: a column of
    postcodes with a single ``007`` keeps the ``5`` beside it as text, too. Dates of one column have one
    order: a single 31/12/2023 tells what 03/04/2023 is, unless *dates* does. Rows that are no rows of the
    table, and a header that is repeated, have no say.

    Raises:
        TransferError: a quote is opened and never closed.
    """
    open_columns = {column.index: _Typing() for column in columns if _is_open(column, sheet)}
    orders = {column.index: Evidence() for column in columns if _has_dates(column)}
    count, rows, width = 0, sheet.rows(), len(sheet.header)
    email = next(column for column in columns if column.field == "email")
    while chunk := [cells for _, cells in islice(rows, _ROWS_AT_A_TIME)]:
        count += len(chunk)
        whole = [cells for cells in chunk if len(cells) == width and cells[email.index] != email.header]
        odd = [fit for cells in chunk if len(cells) != width and (fit := fitted(cells, width))]
        for index, typing in open_columns.items():
            if typing.reading != "text":
                typing.see({cells[index] for cells in (whole + odd if odd else whole)})
        for index, evidence in orders.items():
            evidence.see({cells[index] for cells in (whole + odd if odd else whole)})
    types = {index: typing.reading for index, typing in open_columns.items()}
    typed = (_typed(column, types, sheet) for column in columns)
    return Inspection(count, tuple(_ordered(column, orders, dates) for column in typed))


def fitted(cells: list[str], width: int) -> list[str] | None:
    """A row with as many cells as the header: missing ones are empty; None if it has more than empty ones."""
    if any(cells[width:]):
        return None
    return cells[:width] + [""] * (width - len(cells))


def unguarded(cell: str) -> str:
    """A cell without the quote that an export puts before what a spreadsheet would run as a formula."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in _FORMULA_STARTS else cell


_FORMULA_STARTS = frozenset("=+-@\t\r")


class _Typing:
    """The type of one column, as far as its cells were seen."""

    def __init__(self) -> None:
        self.reading: Reading = "empty"

    def see(self, cells: Iterable[str]) -> None:
        """Take more cells into account."""
        texts = {unguarded(cell.strip()) for cell in cells if cell}
        texts.discard("")
        if texts:
            kind = next((kind for kind, fits in _KINDS.items() if all(map(fits, texts))), _TEXT)
            self.reading = kind if self.reading in ("empty", kind) else "text"


_TEXT: Reading = "text"
_KINDS: dict[Reading, Callable[[str], bool]] = {"number": is_number, "yes or no": is_yes_or_no}


def _is_open(column: Column, sheet: Sheet) -> bool:
    told = sheet.texts | sheet.objects
    return column.is_attribute and column.reading == "inferred" and column.index not in told


def _has_dates(column: Column) -> bool:
    return column.field in ("joined", "paused_until") or column.consent in ("leaving", "bouncing")


def _ordered(column: Column, orders: Mapping[int, Evidence], told: Order) -> Column:
    """The column with the order that was *told* or else that its dates show."""
    evidence = orders.get(column.index)
    return replace(column, order=told or evidence.order(column.order)) if evidence else column


def _typed(column: Column, types: dict[int, Reading], sheet: Sheet) -> Column:
    if column.index in sheet.objects:
        return replace(column, reading="object")
    if not column.is_attribute or column.reading != "inferred":
        return column
    return replace(column, reading="text" if column.index in sheet.texts else types[column.index])
