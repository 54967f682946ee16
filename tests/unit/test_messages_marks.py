"""Marks in tracked links: what is written is read, and nothing else is."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from newsletter.messages.marks import MOST_PLACES, Mark, Marks

KEY, OTHER = b"k" * 32, b"o" * 32
LETTERS = string.ascii_letters + string.digits + "-_"
marks = st.builds(Mark, st.integers(0, 2**32 - 1), st.integers(0, 2**40 - 1), st.integers(0, MOST_PLACES))


def written(mark: Mark, key: bytes = KEY) -> str:
    return Marks([key]).write(mark.dispatch, mark.subscriber, [mark.place])[0]


@given(marks)
def test_a_mark_tells_what_was_written_into_it(mark):
    text = written(mark)

    assert len(text) == 22
    assert set(text) <= set(LETTERS)
    assert Marks([KEY]).read(text) == mark


@given(marks, st.integers(0, 21), st.sampled_from(LETTERS))
def test_a_mark_with_another_letter_is_none(mark, place, letter):
    text = written(mark)
    changed = text[:place] + letter + text[place + 1 :]

    assert changed == text or Marks([KEY]).read(changed) is None


@given(st.text() | st.text(LETTERS, min_size=22, max_size=22))
def test_what_was_not_written_here_is_no_mark(text):
    assert Marks([KEY]).read(text) is None


@given(marks, st.text(min_size=1, max_size=4), st.integers(0, 22))
def test_a_mark_with_something_in_it_is_none(mark, more, place):
    text = written(mark)

    assert Marks([KEY]).read(text[:place] + more + text[place:]) is None


@given(marks, st.integers(0, 21))
def test_a_mark_that_was_cut_off_is_none(mark, length):
    assert Marks([KEY]).read(written(mark)[:length]) is None


def test_a_mark_of_an_older_key_is_believed_and_the_newest_writes():
    mark = Mark(3, 17, 2)

    assert Marks([KEY, OTHER]).read(written(mark)) == mark
    assert Marks([OTHER]).read(written(mark)) is None
    assert Marks([KEY, OTHER]).write(3, 17, [2]) == [written(mark, OTHER)]


def test_marks_of_one_recipient_have_nothing_in_common():
    """Whoever holds one learns neither another nor whose it is."""
    texts = Marks([KEY]).write(1, 2, range(200))

    assert len({text[:8] for text in texts}) == 200
