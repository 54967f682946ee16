"""What changed between two texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.differences import Change, Run, compare


def test_words_that_came_and_went_are_told_within_their_paragraph():
    found = compare("It came early this year.\n\nThe end.", "It came late this year.\n\nThe end.")

    assert found.changes[0].kind == "changed"
    assert [run for run in found.changes[0].runs if run.kind != "same"] == [
        Run("removed", "early"),
        Run("added", "late"),
    ]
    assert (found.added, found.removed) == (1, 1)


def test_a_new_paragraph_is_added_and_an_old_one_removed():
    found = compare("One thing.\n\nTwo things.", "Two things.\n\nSomething quite other.")

    assert [change.kind for change in found.changes] == ["removed", "same", "added"]


def test_the_line_below_a_heading_is_no_word_of_it():
    """Plain text draws it as long as the heading; a divider that stands alone is something."""
    found = compare("NEWS\n----\n\nA day.", "NEWS TODAY\n----------\n\nA day.\n\n-----")

    runs = [run for change in found.changes for run in change.runs]
    assert [run.text.strip() for run in runs if run.kind == "added"] == ["TODAY", "-----"]
    assert found.removed == 0


def test_what_is_the_same_far_from_a_change_is_only_counted():
    same = [f"Paragraph {number} stays." for number in range(10)]
    found = compare("\n\n".join(same), "\n\n".join([*same, "New."]))

    assert found.changes[0] == Change("skipped", count=9)
    assert [change.kind for change in found.changes] == ["skipped", "same", "added"]


@given(st.text(max_size=200))
@settings(deadline=None)
def test_the_same_text_has_no_differences(text):
    assert compare(text, text).none


@given(st.text(alphabet="ab \n", max_size=60), st.text(alphabet="ab \n", max_size=60))
@settings(deadline=None)
def test_what_was_and_what_is_can_be_read_from_the_changes(before, after):
    found = compare(before, after)
    words = {"added": [], "removed": []}
    for change in found.changes:
        for run in change.runs:
            for kind in words:
                if run.kind in ("same", kind):
                    words[kind].append(run.text)

    if not any(change.kind == "skipped" for change in found.changes):
        assert "".join(words["added"]).replace(" ", "") == "".join(after.split())
        assert "".join(words["removed"]).replace(" ", "") == "".join(before.split())
