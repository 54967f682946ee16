"""Titles, subjects and preheaders with merge tags, which other merge tags put into a text."""

from __future__ import annotations

import pytest
from fakes.compiling import PUBLICATION, THEME, compiled, personal

from newsletter.editions import Edition, compile_issue
from newsletter.errors import IssueError
from newsletter.issues import parse_issue

CITY = "subject: Hello {{ subscriber.city }}"


def text(edition: Edition) -> str:
    """What a reader in Bonn reads."""
    return personal(edition, "text", city="Bonn")


def test_a_title_within_a_subject_within_a_preheader_is_read_by_everybody() -> None:
    subject = "{{ issue.title }} from {{ subscriber.city }}"
    front = f'subject: "{subject}"\npreheader: "{{{{ issue.subject }}}}, again"'

    edition = compiled("First {{ issue.preheader }}.", front)

    assert "First A title from Bonn, again." in text(edition)
    assert {slot.expression for slot in edition.slots if "links" not in slot.expression} == {
        "subscriber.city"
    }


@pytest.mark.parametrize(
    "front",
    [
        'subject: "{{ issue.subject }}"',
        'subject: "{{ issue.preheader }}"\npreheader: "x {{ issue.subject }}"',
    ],
)
def test_a_text_that_is_part_of_itself_is_refused(front: str) -> None:
    with pytest.raises(IssueError, match="stands for a text that it is part of"):
        compiled("Text.", front)


@pytest.mark.parametrize(
    "expression",
    [
        "issue.subject | upper",
        "subscriber.first_name | default(issue.subject)",
        "issue.subject | truncate(3)",
    ],
)
def test_nothing_is_made_of_a_subject_that_differs_by_reader(expression: str) -> None:
    """What a filter makes of such a subject, or who falls back to it, would read the name of a slot."""
    with pytest.raises(IssueError, match="made of a text that has merge tags itself") as caught:
        compiled(f"A {{{{ {expression} }}}}.", CITY)

    assert caught.value.where == "issues/x.md:6:3"


def test_such_a_subject_may_be_asked_for_and_joined() -> None:
    edition = compiled('{{ "“" ~ issue.subject }}\n\n{{ issue.subject | default("x") }}!', CITY)

    assert "“Hello Bonn\n\nHello Bonn!" in text(edition)


def test_no_part_has_characters_that_xml_forbids() -> None:
    """A feed with one of them could not be read, and a terminal that shows the text might obey it."""
    issue = parse_issue("# T\ufffe\n\na\x01b\x1b[31mc\x7fd `e\x1bf`\n", None, "x")

    edition = compile_issue(issue, THEME, PUBLICATION)

    assert (edition.title, edition.subject, edition.preheader) == ("T", "T", "ab[31mcd ef")
    assert "ab[31mcd ef" in edition.text
    shown = edition.text + edition.html
    assert {c for c in shown if not c.isprintable()} <= set("\n\t\xa0\u200c\xad")
