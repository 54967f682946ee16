"""Titles, subjects and preheaders with merge tags, which other merge tags put into a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.config import PublicationSettings
from newsletter.editions import Edition, Evaluator, compile_issue, load_theme, render, split
from newsletter.errors import IssueError
from newsletter.issues import parse_issue

THEME = load_theme("letter")
PUBLICATION = PublicationSettings(
    name="News", sender="News <news@example.com>", url="https://news.example.com"
)
LINKS = {name: f"https://news.example.com/{name}" for name in ("unsubscribe", "preferences", "web")}
CITY = "title: Hello {{ subscriber.city }}"


def compiled(body: str, front: str) -> Edition:
    issue = parse_issue(f"---\n{front}\n---\n\n{body}\n", Path("issues/x.md"), "x")
    return compile_issue(issue, THEME, PUBLICATION)


def text(edition: Edition) -> str:
    values = Evaluator(edition).values({"city": "Bonn"}, LINKS)
    return render(split(edition.text, edition), values)


def test_a_title_within_a_subject_within_a_preheader_is_read_by_everybody() -> None:
    front = f'{CITY}\nsubject: "{{{{ issue.title }}}} today"\npreheader: "{{{{ issue.subject }}}}, again"'

    edition = compiled("First {{ issue.preheader }}.", front)

    assert "First Hello Bonn today, again." in text(edition)
    assert {slot.expression for slot in edition.slots if "links" not in slot.expression} == {
        "subscriber.city"
    }


@pytest.mark.parametrize(
    "front",
    [
        'title: "{{ issue.title }}"',
        'title: A\nsubject: "{{ issue.preheader }}"\npreheader: "x {{ issue.subject }}"',
    ],
)
def test_a_text_that_is_part_of_itself_is_refused(front: str) -> None:
    with pytest.raises(IssueError, match="stands for a text that it is part of"):
        compiled("Text.", front)


@pytest.mark.parametrize(
    "expression",
    ["issue.title | upper", "subscriber.first_name | default(issue.title)", "issue.title | truncate(3)"],
)
def test_nothing_is_made_of_a_title_that_differs_by_reader(expression: str) -> None:
    """What a filter makes of such a title, or who falls back to it, would read the name of a slot."""
    with pytest.raises(IssueError, match="made of a text that has merge tags itself") as caught:
        compiled(f"A {{{{ {expression} }}}}.", CITY)

    assert caught.value.where == "issues/x.md:5:3"


def test_such_a_title_may_be_asked_for_and_joined() -> None:
    edition = compiled('{{ "“" ~ issue.title }}\n\n{{ issue.title | default("x") }}!', CITY)

    assert "“Hello Bonn\n\nHello Bonn!" in text(edition)


def test_no_part_has_characters_that_xml_forbids() -> None:
    """A feed with one of them could not be read, and a terminal that shows the text might obey it."""
    issue = parse_issue("# T\ufffe\n\na\x01b\x1b[31mc\x7fd `e\x1bf`\n", None, "x")

    edition = compile_issue(issue, THEME, PUBLICATION)

    assert (edition.title, edition.subject, edition.preheader) == ("T", "T", "ab[31mcd ef")
    assert "ab[31mcd ef" in edition.text
    shown = edition.text + edition.html
    assert {c for c in shown if not c.isprintable()} <= set("\n\t\xa0\u200c\xad")
