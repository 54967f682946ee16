"""Approval from the command line, the static copy, and how the studio is served to other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acceptance.conftest import Letter

REQUIRED = '\n[review]\napproval = "required"\n'


def require(letter: Letter) -> None:
    path = letter.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + REQUIRED, encoding="utf-8")


def test_what_nobody_approved_is_not_sent_where_approval_is_required(letter: Letter) -> None:
    """Exit 4 with a hint; once it is approved, it goes out."""
    require(letter)
    refused = letter.run("send", "plain", "--yes")
    letter.ok("approve", "plain", "--by", "Ann Editor")

    assert refused.code == 4
    assert "nobody approved it" in refused.err
    assert "hint: look at it" in refused.err
    assert not (letter.root / "outbox").exists()
    assert letter.ok("send", "plain", "--yes", "--json").json["accepted"] == 4


def test_any_change_voids_an_approval(letter: Letter) -> None:
    """A word of the issue, its subject, or a setting that the edition shows."""
    require(letter)
    issue, settings = letter.root / "issues" / "plain.md", letter.root / "newsletter.toml"
    for path, old, new in (
        (issue, "Some text", "Other text"),
        (settings, "1 Example Street", "2 Example Street"),
    ):
        letter.ok("approve", "plain", "--by", "Ann")
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        refused = letter.run("send", "plain", "--yes")

        assert refused.code == 4
        assert "it changed since Ann approved it" in refused.err


def test_a_withdrawn_approval_is_none(letter: Letter) -> None:
    """The file beside the issue keeps both."""
    require(letter)
    letter.ok("approve", "plain", "--by", "Ann")
    done = letter.ok("approve", "plain", "--by", "Bob", "--withdraw", "--json").json

    assert done == {"slug": "plain", "digest": done["digest"], "by": "Bob", "approved": False}
    assert letter.run("send", "plain", "--yes").code == 4
    assert len((letter.root / "issues" / "plain.review.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_a_review_that_cannot_be_read_stops_sending(letter: Letter) -> None:
    """A half-finished merge must not pass for an approval."""
    require(letter)
    letter.ok("approve", "plain", "--by", "Ann")
    path = letter.root / "issues" / "plain.review.jsonl"
    path.write_text("<<<<<<< HEAD\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    refused = letter.run("send", "plain", "--yes")

    assert refused.code == 4
    assert "plain.review.jsonl:1: this is no record of a review" in refused.err


def test_without_the_setting_an_approval_is_optional(letter: Letter) -> None:
    """As before."""
    assert letter.run("send", "plain", "--yes").code == 0


def test_build_writes_a_static_copy(bare: Letter) -> None:
    """To a file, or into a folder under the issue's name."""
    file = bare.ok("build", "plain", "--preview", bare.root / "copy.html", "--json").json["files"][-1]
    inside = bare.ok("build", "plain", "--preview", bare.root / "copies", "--json").json["files"][-1]

    assert file.endswith("/copy.html")
    assert inside.endswith("/copies/plain-preview.html")
    assert "Good morning" in (bare.root / "copy.html").read_text(encoding="utf-8")


def test_a_static_copy_that_cannot_be_written_is_told(bare: Letter) -> None:
    """One line, a hint, nothing half written."""
    (bare.root / "file").write_text("", encoding="utf-8")
    done = bare.run("build", "plain", "--preview", bare.root / "file" / "copy.html")

    assert done.code == 1
    assert done.lines[-2].startswith("error:")


@pytest.mark.parametrize(
    "words", [("--host", "0.0.0.0"), ("--host", "::"), ("--host", "studio.example.com", "--token", "short")]
)
def test_the_studio_is_not_served_to_others_without_a_long_token(
    bare: Letter, words: tuple[str, ...]
) -> None:
    """Exit 2 before anything listens."""
    done = bare.run("preview", "--no-open", "--port", "0", *words)

    assert done.code == 2
    assert "hint:" in done.err


@pytest.mark.parametrize(
    "setting",
    ['[review]\napproval = "maybe"', '[studio]\neditor = "vim"', '[studio]\ntest_addresses = ["nobody"]'],
)
def test_settings_that_make_no_sense_are_told(bare: Letter, setting: str) -> None:
    """With the key that is wrong."""
    path = bare.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + setting + "\n", encoding="utf-8")
    done = bare.run("build", "plain")

    assert done.code == 3
    assert setting[1:].partition("]")[0] in done.err
