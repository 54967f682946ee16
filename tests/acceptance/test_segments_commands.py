"""The commands about segments, as people run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from newsletter.cli import newsletter, patience

if TYPE_CHECKING:
    import pytest
    from acceptance.conftest import Letter


def test_a_segment_of_segments_is_shown_sent_and_kept(letter: Letter) -> None:
    """What another segment names is told by `show`, mailed by `send`, and not removed by accident."""
    letter.ok("segments", "add", "others", 'not segment("german-builders")')

    inner = letter.ok("segments", "show", "german-builders", "--json").json
    outer = letter.ok("segments", "show", "others", "--json").json
    refused = letter.run("segments", "remove", "german-builders")

    assert (inner["named_by"], outer["names"]) == (["others"], ["german-builders"])
    assert outer["count"] == 2
    assert "is not in the segment “german-builders”" in outer["words"]
    assert refused.code == 2
    assert refused.lines[0] == "error: segment `german-builders` is named by `others`"
    assert letter.ok("send", "plain", "--segment", "others", "--dry-run", "--json").json["recipients"] == 2
    where = letter.ok(
        "send", "plain", "--where", 'segment("others") and country == "US"', "--dry-run", "--json"
    )
    assert where.json["recipients"] == 1


def test_a_segment_that_is_replaced_is_told_with_what_it_was(letter: Letter) -> None:
    letter.ok("segments", "add", "mine", '"builders" in tags')

    assert "in place of" not in letter.ok("segments", "add", "mine", '"builders" in tags').err
    assert 'in place of: "builders" in tags' in letter.ok("segments", "add", "mine", "true").err


def test_a_circle_is_told_with_its_path_and_place(letter: Letter) -> None:
    letter.ok("segments", "add", "a", 'segment("german-builders")')

    done = letter.run("segments", "add", "german-builders", 'true and segment("a")')

    assert done.code == 2
    assert done.lines[0] == (
        "error: segment:1:18: the segments would go in a circle: german-builders → a → german-builders"
    )


def test_an_index_is_made_listed_and_removed(letter: Letter) -> None:
    letter.ok("segments", "index", "country")
    listed = letter.ok("segments", "index", "--json").json
    letter.ok("segments", "index", "country", "--remove")

    assert listed == [{"field": "country", "ready": True}]
    assert letter.ok("segments", "index", "--json").json == []
    assert "makes one" in letter.ok("segments", "index").err


def test_an_index_on_nothing_is_refused(letter: Letter) -> None:
    for arguments, says in (
        (("contry",), "`contry` is not known"),
        (("country", "--remove"), "no index on `country`"),
        (("--remove",), "which index to remove"),
    ):
        done = letter.run("segments", "index", *arguments)
        assert done.code == 2, arguments
        assert says in done.lines[0]
        assert done.lines[1].startswith("hint: ")


def test_a_search_that_takes_long_says_so_and_what_would_help(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no patience at all, everything takes long; once there is an index, none is advised any more."""
    monkeypatch.setattr(patience, "PATIENCE", 0)

    def told(*arguments: str) -> str:
        done = CliRunner().invoke(newsletter, ["-C", str(letter.root), *arguments])
        assert done.exit_code == 0, done.stderr
        return done.stderr

    asked = ("subscribers", "list", "--where", 'country == "DE" and not score == 7 and "x" in email')
    letter.ok("subscribers", "add", "eve@example.com", "--set", "score=7")

    before = told(*asked)
    told("segments", "index", "country")
    after = told(*asked)

    assert "this took " in before
    assert "`newsletter segments index country` may make it faster" in before
    assert "this took " in after
    assert "faster" not in after


def test_a_condition_in_an_issue_knows_days_and_endings(letter: Letter) -> None:
    """The same question to a reader's message as to the list: who is in the segment reads the paragraph."""
    path = letter.root / "issues" / "plain.md"
    asked = 'subscriber.joined > days_ago(30) and subscriber.email is endswith("@example.com")'
    text = path.read_text(encoding="utf-8").replace('"builders" in subscriber.tags', asked)
    path.write_text(text, encoding="utf-8")
    listed = letter.ok("subscribers", "list", "--where", asked, "--json").json

    for email in ("ann@example.com", "bob@example.org"):
        letter.ok("build", "plain", "--as", email, "-o", "out")
        shown = "Only builders read this line." in (letter.root / "out" / "plain.txt").read_text(
            encoding="utf-8"
        )
        assert shown is (email in [person["email"] for person in listed]), email
