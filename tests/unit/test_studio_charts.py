"""Charts that need no colour, and their files."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.charts import Chart, Series, as_csv

CHART = Chart(
    "c", "Outcomes", ["Mon", "Tue"], [Series("accepted", [3, 5]), Series("failed", [1, 0])], "people"
)


def test_each_kind_has_a_pattern_of_its_own_and_no_colour():
    svg = CHART.svg()

    assert 'fill="url(#c-0)"' in svg
    assert 'fill="url(#c-1)"' in svg
    assert "style=" not in svg
    assert "#1" not in svg.replace("#c-1", "")


def test_a_screen_reader_hears_the_figures_and_finds_the_table():
    assert 'aria-label="Outcomes: accepted 8, failed 1 people."' in CHART.svg()
    assert CHART.rows() == [["", "accepted", "failed"], ["Mon", "3", "1"], ["Tue", "5", "0"]]


def test_the_scale_counts_whole_people():
    assert ">2.5<" not in Chart("c", "T", ["a"], [Series("x", [3])]).svg()
    assert ">5<" in Chart("c", "T", ["a"], [Series("x", [9])]).svg()


def test_kinds_of_which_there_are_none_are_left_out_but_keep_the_patterns_of_the_others():
    chart = Chart("c", "T", ["a"], [Series("x", [0]), Series("y", [2])])

    assert [number for number, _ in chart.shown] == [1]
    assert Chart("c", "T", [], [Series("x", [])]).empty


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9), st.integers(0, 10**7)),
        max_size=50,
    )
)
@settings(deadline=None, max_examples=40)
def test_every_chart_is_well_formed(pairs):
    chart = Chart("c", "<&>", [label for label, _ in pairs], [Series('"', [value for _, value in pairs])])

    ElementTree.fromstring(str(chart.svg()))


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=2, max_size=3),
        max_size=5,
    )
)
@settings(deadline=None)
def test_a_file_of_figures_is_csv_and_no_cell_is_a_formula(rows):
    read = list(csv.reader(io.StringIO(as_csv(rows), newline="")))

    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell[:1] in ("=", "@", "\t") for row in read for cell in row)
