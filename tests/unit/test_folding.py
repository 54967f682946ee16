"""Lines for people on a terminal: broken at words, never within a command, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.cli.folding import folded
from newsletter.editions.columns import display_width

HINT = "go to your publication, name it with `-C DIR`, or make one with `newsletter init DIR`"


def test_a_long_line_goes_on_below_its_text_and_a_command_stays_whole() -> None:
    assert folded(HINT, 80, len("hint: ")) == (
        "go to your publication, name it with `-C DIR`, or make one with\n      `newsletter init DIR`"
    )


def test_what_fits_and_what_is_for_no_terminal_stays_as_it_is() -> None:
    assert folded(HINT, None, 6) == HINT
    assert folded(HINT, 91, 6) == HINT
    assert "\n" in folded(HINT, 90, 6)
    assert folded(HINT, 12, 6) == HINT


def test_colours_take_no_room() -> None:
    assert folded("\x1b[32mok\x1b[0m " + "a" * 37, 40) == "\x1b[32mok\x1b[0m " + "a" * 37


def test_an_address_longer_than_a_line_stays_whole() -> None:
    address = "https://example.com/" + "a" * 90
    assert folded(f"see {address} there", 40, 2) == f"see\n  {address}\n  there"


def test_a_field_and_its_column_stay_together() -> None:
    assert folded("first_name ← Vorname; last_name ← Nachname", 32) == (
        "first_name ← Vorname;\nlast_name ← Nachname"
    )


@given(
    st.lists(st.text("abcü語`", min_size=1, max_size=12), max_size=40),
    st.integers(30, 100),
    st.integers(0, 5),
)
def test_folding_loses_no_word_and_keeps_to_the_width_where_words_let_it(
    words: list[str], columns: int, hang: int
) -> None:
    text = " ".join(words)
    lines = folded(text, columns, hang).split("\n")

    assert " ".join(" ".join(lines).split()) == text
    assert all(display_width(line) <= columns or "`" in line for line in [" " * hang + lines[0], *lines[1:]])
