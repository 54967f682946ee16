"""What `newsletter send` freezes of the archive: everybody's issues are in it, those of a segment are not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from webclient import WebClient

from newsletter.config import load_publication
from newsletter.migrations import open_database
from newsletter.public import create_app

if TYPE_CHECKING:
    from acceptance.conftest import Letter

URL = "https://news.example.com"


def web_link(letter: Letter) -> str:
    """The path of “read online” in one of the messages."""
    from email import message_from_bytes, policy

    file = next((letter.root / "outbox").rglob("*.eml"))
    text = message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("plain",)).get_content()
    return next(word for word in text.split() if word.startswith(f"{URL}/issues/")).removeprefix(URL)


@pytest.mark.parametrize(
    ("said", "audience", "listed"),
    [
        ("", ["--all"], True),
        ("", ["--all", "--exclude", "german-builders"], True),
        ("", ["--segment", "german-builders"], False),
        ("", ["--where", 'country == "DE"'], False),
        ("archive: true\n", ["--where", 'country == "DE"'], True),
        ("archive: false\n", ["--all"], False),
    ],
)
def test_the_archive_has_what_is_for_everybody(
    letter: Letter, said: str, audience: list[str], listed: bool
) -> None:
    """And whoever has the mail can read it online, listed or not."""
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text(encoding="utf-8").replace("---\n", f"---\n{said}", 1), encoding="utf-8")
    done = letter.ok("send", "plain", *audience, "--yes")
    assert ("not listed" in done.err) is not listed

    engine = open_database(load_publication(letter.root))
    client = WebClient(create_app(load_publication(letter.root), engine))
    pages = [client.get("/issues/").text, client.get("/feed.xml").text, client.get("/issues/?q=story").text]
    public, linked = client.get("/issues/plain"), client.get(web_link(letter))
    engine.dispose()

    assert ["/issues/plain" in page for page in pages] == [listed] * 3
    assert public.status_code == (200 if listed else 404)
    assert "First story" in linked.text


def test_what_is_built_and_tested_leads_where_the_mail_will(letter: Letter) -> None:
    """Of an issue that the archive does not list: to an example before it is sent, to its own place after."""
    path = letter.root / "issues" / "plain.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("---\n", "---\narchive: true\n", 1), encoding="utf-8")
    assert f"{URL}/issues/plain" in built(letter)

    path.write_text(text, encoding="utf-8")  # it is for a segment
    assert f"{URL}/issues/plain/example" in built(letter)
    assert f"{URL}/issues/plain/example" in built(letter, "--as", "ann@example.com")
    letter.ok("test", "plain", "me@example.com")
    assert web_link(letter) == "/issues/plain/example"

    shutil.rmtree(letter.root / "outbox")
    letter.ok("send", "plain", "--yes")
    place = web_link(letter)
    assert place.startswith("/issues/plain/")
    assert f"{URL}{place}" in built(letter)
    assert f"{URL}{place}" in built(letter, "--as", "ann@example.com")


def built(letter: Letter, *more: str) -> list[str]:
    """The words of the plain text of the issue, as it is built."""
    letter.ok("build", "plain", *more)
    return (letter.root / "build" / "plain.txt").read_text(encoding="utf-8").split()


def test_what_front_matter_says_of_the_archive_must_be_true_or_false(letter: Letter) -> None:
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text(encoding="utf-8").replace("---\n", "---\narchive: maybe\n", 1), "utf-8")
    done = letter.run("send", "plain", "--all", "--yes")

    assert done.code == 4
    assert "`archive` is text, neither true nor false" in done.err
    assert "hint: write `archive: true`" in done.err


def test_an_editor_changes_their_mind_about_the_archive(letter: Letter) -> None:
    """`archive list` tells, `hide` and `show` change, and what was never sent is one line."""
    letter.ok("send", "plain", "--all", "--yes")
    assert [each["archived"] for each in letter.ok("archive", "list", "--json").json] == [True]

    assert "plain-1 is not in the archive" in letter.ok("archive", "hide", "plain-1").err
    assert "not in the archive already" in letter.ok("archive", "hide", "plain-1").err
    assert [each["archived"] for each in letter.ok("archive", "list", "--json").json] == [False]
    assert "plain-1 is in the archive" in letter.ok("archive", "show", "plain-1").err

    missing = letter.run("archive", "show", "other-1")
    assert missing.code == 1
    assert "error: " in missing.err
