"""Bad input gets one line that says where and what, one that says how to mend it, and leaves no trace."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acceptance.conftest import Letter

HEAD = "---\ntitle: Wrong\ndate: 2026-05-01\n---\n\n"

#: What is wrong → the issue's text, the exit code, and what the error line must hold.
ISSUES = {
    "empty file": ("", 4, "wrong.md"),
    "front matter that is no YAML": ("---\ntitle: [unclosed\n---\n\nText.\n", 4, "wrong.md:"),
    "front matter that is never closed": ("---\ntitle: Wrong\n\nText.\n", 4, "wrong.md:1"),
    "a key that is nearly one": ("---\ntitle: Wrong\nsubjet: Oh\n---\n\nText.\n", 4, "wrong.md:3"),
    "a date that is none": ("---\ntitle: Wrong\ndate: 2026-13-45\n---\n\nText.\n", 4, "wrong.md:3"),
    "no title": ("Just text.\n", 4, "title"),
    "an unclosed condition": (HEAD + 'One.\n\n{% if "x" in subscriber.tags %}\n\nTwo.\n', 4, "wrong.md:8"),
    "an unknown field": (HEAD + "Hello {{ subscriber.frist_name }}.\n", 4, "wrong.md:6"),
    "an expression that is none": (HEAD + "Hello {{ subscriber.first_name | }}.\n", 4, "wrong.md:6"),
    "an unknown theme": ("---\ntitle: Wrong\ntheme: digset\n---\n\nText.\n", 4, "digset"),
}


def assert_told(letter: Letter, arguments: tuple[object, ...], code: int, place: str) -> str:
    """Run a command that must fail; its stderr is exactly one error and one hint. Returns the hint."""
    before = letter.files()
    done = letter.run(*arguments)
    told = [line for line in done.lines if line.startswith(("error:", "hint:"))]

    assert done.code == code, done.err
    assert [line.split(":")[0] for line in told] == ["error", "hint"], done.err
    assert place in told[0]
    assert "Traceback" not in done.err
    assert done.out == ""
    assert {name for name in letter.files() - before if "newsletter.db" not in name} == set()
    return told[1]


@pytest.mark.parametrize("wrong", ISSUES)
def test_a_wrong_issue_is_told_with_its_line(letter: Letter, wrong: str) -> None:
    """`build` names the file and the line."""
    text, code, place = ISSUES[wrong]
    (letter.root / "issues" / "wrong.md").write_text(text, encoding="utf-8")

    assert_told(letter, ("build", "issues/wrong.md"), code, place)


def test_a_missing_issue_is_told_with_the_nearest(letter: Letter) -> None:
    """The hint names the issue that was probably meant."""
    hint = assert_told(letter, ("build", "issues/plian.md"), 4, "plian.md")

    assert "plain" in hint


def test_an_issue_that_is_no_text_is_told(letter: Letter) -> None:
    """A binary file is refused, not decoded somehow."""
    (letter.root / "issues" / "wrong.md").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe")

    assert_told(letter, ("build", "issues/wrong.md"), 4, "wrong.md")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<mjml><mj-body><mj-sectoin></mj-sectoin></mj-body></mjml>", "issue.mjml.j2"),
        ("no MJML at all", "issue.mjml.j2"),
        ("<mjml>{{ nothing }}</mjml>", "issue.mjml.j2:1"),
    ],
)
def test_a_theme_that_is_no_mjml_is_told(letter: Letter, text: str, place: str) -> None:
    """The theme's file is named."""
    theme = letter.root / "themes" / "digest"
    theme.mkdir(parents=True)
    (theme / "issue.mjml.j2").write_text(text, encoding="utf-8")

    assert_told(letter, ("build", "plain"), 4, place)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"name,city\nAnn,Bonn\n", "people.csv"),
        (b"", "people.csv"),
        (b"PK\x03\x04\x00\x00\x00", "people.csv"),
        (None, "people.csv"),
    ],
    ids=["no e-mail column", "empty", "a zip", "missing"],
)
def test_a_list_that_cannot_be_imported_is_told(bare: Letter, content: bytes | None, place: str) -> None:
    """Nobody is imported."""
    if content is None:
        (bare.root / "people.csv").unlink()
    else:
        (bare.root / "people.csv").write_bytes(content)

    assert_told(bare, ("subscribers", "import", "people.csv", "--consent", "test"), 1, place)
    assert bare.ok("subscribers", "list", "--json").json == []


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ('contry == "DE"', "country"),
        ("email.__class__", ""),
        ("''.join(tags)", ""),
        ("country ==", ""),
        ("1 if country else 2", ""),
    ],
)
def test_an_unsafe_or_unknown_expression_is_refused(letter: Letter, expression: str, word: str) -> None:
    """A segment can only compare what it knows."""
    hint = assert_told(letter, ("segments", "add", "wrong", expression), 2, "")

    assert word in hint
    assert "wrong" not in letter.ok("segments", "list").out


def test_a_segment_that_matches_nobody_is_not_sent_to(letter: Letter) -> None:
    """An empty audience is an error, not a dispatch of nothing."""
    letter.ok("segments", "add", "nobody", 'country == "AQ"')

    assert_told(letter, ("send", "plain", "--segment", "nobody", "--yes"), 1, "nobody")
    assert letter.ok("status", "--json").json == []


def test_an_smtp_server_that_is_not_there_is_told(letter: Letter, smtp) -> None:
    """Nothing is recorded of anybody, and the dispatch can be resumed."""
    letter.environment["NEWSLETTER_SMTP__PORT"] = "1"
    done = letter.run("send", "plain", "--all", "--provider", "smtp", "--yes")

    assert done.code == 1
    assert [line.split(":")[0] for line in done.lines if line.startswith(("error", "hint"))] == [
        "error",
        "hint",
    ]
    status = letter.ok("status", "plain-1", "--json").json
    assert (status["pending"], status["accepted"], status["uncertain"]) == (4, 0, 0)

    letter.environment["NEWSLETTER_SMTP__PORT"] = str(smtp[0])
    assert letter.ok("resume", "plain-1", "--yes", "--json").json["accepted"] == 4
    assert len(smtp[1]) == 4


def test_a_database_of_a_newer_version_is_left_alone(letter: Letter) -> None:
    """An older program does not touch what it cannot know."""
    file = letter.root / "newsletter.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE schema_revision SET version_num = '9999'")
    connection.close()
    before = file.read_bytes()

    assert_told(letter, ("subscribers", "list"), 3, "newsletter.db")
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(bare: Letter) -> None:
    """It is told, not overwritten."""
    (bare.root / "newsletter.db").write_text("this is a letter to my aunt\n" * 40, encoding="utf-8")

    assert_told(bare, ("subscribers", "list"), 3, "newsletter.db")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("[publication]\nname = 'x'\nfrom = 'x <x@example.com>'\nthem = 'digest'\n", "theme"),
        ("[publication]\nname = 'x'\nfrom = 'nobody'\n", ""),
        ("[publication]\nname = 'x'\n", "from"),
        ("[publication\n", ""),
        ("[publication]\nname = 'x'\nfrom = 'x <x@example.com>'\n[delivery]\nprovider = 'pigeon'\n", ""),
    ],
)
def test_a_wrong_setting_is_told_with_its_key(bare: Letter, settings: str, word: str) -> None:
    """The file and the key are named, with the nearest known key."""
    (bare.root / "newsletter.toml").write_text(settings, encoding="utf-8")

    assert word in assert_told(bare, ("build", "plain"), 3, "newsletter.toml")


def test_a_folder_that_is_no_publication_is_told(bare: Letter) -> None:
    """The hint names `init`."""
    (bare.root / "newsletter.toml").unlink()

    assert "newsletter init" in assert_told(bare, ("build", "plain"), 3, str(bare.root))


def test_sending_without_a_terminal_needs_yes(letter: Letter) -> None:
    """A question that nobody can answer is not asked."""
    assert "--yes" in assert_told(letter, ("send", "plain", "--all"), 2, "")


def test_sending_without_an_audience_is_refused(letter: Letter) -> None:
    """An issue without a segment of its own is not sent to everybody by accident."""
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text(encoding="utf-8").replace("segment: everybody\n", ""), encoding="utf-8")

    assert "--all" in assert_told(letter, ("send", "plain", "--yes"), 2, "")


def test_an_unknown_command_is_told_with_the_nearest(letter: Letter) -> None:
    """Usage errors have the same two lines."""
    assert "send" in assert_told(letter, ("sned",), 2, "sned")
