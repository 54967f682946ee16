"""The review of an issue, kept in a file beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import IssueError, UsageError
from newsletter.review import Comment, anchored, approve, comment, read_review, settle, withdraw
from newsletter.review.records import review_file

NOW = datetime(2026, 4, 11, 8, tzinfo=UTC)


@pytest.fixture
def issue(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("---\ntitle: A\n---\nText.\n", encoding="utf-8")
    return path


def test_an_approval_is_of_one_edition_and_no_other(issue):
    approve(issue, "d" * 64, "Ann", NOW, "Looks good")
    review = read_review(issue)

    assert review.approval("d" * 64).by == "Ann"
    assert review.approval("e" * 64) is None
    assert review.latest.note == "Looks good"


def test_an_approval_can_be_withdrawn_and_given_again(issue):
    approve(issue, "d", "Ann", NOW)
    withdraw(issue, "d", "Bob", NOW)
    assert read_review(issue).approval("d") is None
    approve(issue, "d", "Cho", NOW)

    assert read_review(issue).approval("d").by == "Cho"


def test_a_comment_is_open_until_it_is_resolved_and_can_be_opened_again(issue):
    name = comment(issue, 4, "Text.", "Say more.", "Ann", NOW)
    settle(issue, name, "Bob", NOW)
    assert read_review(issue).open == ()
    settle(issue, name, "Ann", NOW, resolved=False)

    assert [each.text for each in read_review(issue).open] == ["Say more."]


def test_a_comment_moves_with_the_line_that_it_is_pinned_to():
    pinned = Comment("x", 2, "  Text  here ", "Ann", NOW, "…")

    assert anchored(pinned, ["Text here", "b", "Text here", "Text here"]) == 1
    assert anchored(pinned, ["new", "new", "new", "Text here"]) == 4
    assert anchored(pinned, ["rewritten"]) is None
    assert anchored(Comment("x", 0, "", "Ann", NOW, "…"), []) == 0


def test_nobody_and_nothing_are_refused(issue):
    with pytest.raises(UsageError):
        approve(issue, "d", "  ", NOW)
    with pytest.raises(UsageError):
        comment(issue, 1, "", " \n", "Ann", NOW)
    with pytest.raises(UsageError):
        settle(issue, "no-such", "Ann", NOW)
    assert not review_file(issue).exists()


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD",
        "[]",
        "{}",
        '{"act": "danced", "by": "A", "at": ""}',
        '{"act": "approved", "by": 7}',
        "\\",
    ],
)
def test_a_line_that_is_no_record_is_told_with_its_place(issue, line):
    approve(issue, "d", "Ann", NOW)
    path = review_file(issue)
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")

    with pytest.raises(IssueError, match="no record") as told:
        read_review(issue)
    assert told.value.where == f"{path}:2"


def test_a_file_whose_last_line_has_no_end_loses_nothing(issue):
    approve(issue, "d", "Ann", NOW)
    path = review_file(issue)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    approve(issue, "e", "Bob", NOW)

    assert set(read_review(issue).approvals) == {"d", "e"}


def test_many_who_comment_at_once_lose_nothing(issue):
    threads = [Thread(target=comment, args=(issue, 1, "", f"No. {n}", "Ann", NOW)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {each.text for each in read_review(issue).comments} == {f"No. {n}" for n in range(20)}


@given(st.text(max_size=60), st.text(max_size=60))
@settings(deadline=None, max_examples=40)
def test_whatever_is_said_is_one_line_of_json(tmp_path_factory, text, by):
    issue = tmp_path_factory.mktemp("review") / "a.md"
    try:
        comment(issue, 1, text, text, by, NOW)
    except UsageError:
        return
    (line,) = review_file(issue).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["act"] == "commented"
    assert len(read_review(issue).comments) == 1
