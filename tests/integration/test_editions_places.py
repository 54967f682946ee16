"""Each element of an edition knows the line of the issue, and the line of the theme, that it came from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.config import PublicationSettings, load_publication
from newsletter.editions import (
    Place,
    compile_issue,
    element_places,
    inner_text,
    load_theme,
    press,
    read_elements,
    with_lines,
)
from newsletter.issues import parse_issue

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "ai-news-digest"
PUBLICATION = PublicationSettings(name="Letter", sender="Letter <a@example.com>", postal_address="1 Street")
ISSUE = """\
---
title: Places
---

A deck that goes on
over [two](https://example.com/two) lines.

## Section

First paragraph.

- one
- two with [a link](https://example.com/item)

{% if subscriber.first_name %}

Only for some, with <b>raw HTML</b>.

{% endif %}

### Story

| a | b |
| --- | --- |
| c | [d](https://example.com/cell) |

<p>A block of <a href="https://example.com/raw">raw HTML</a></p>
"""
#: What an element says, and the line of the issue on which it says it.
LINES = {
    ("h1", "Places"): 2,
    ("a", "two"): 6,
    ("h2", "Section"): 8,
    ("p", "First paragraph."): 10,
    ("li", "one"): 12,
    ("li", "two with a link"): 13,
    ("a", "a link"): 13,
    ("b", "raw HTML"): 17,
    ("h3", "Story"): 21,
    ("td", "c"): 25,
    ("a", "d"): 25,
    ("a", "raw HTML"): 27,
}


@pytest.mark.parametrize("name", ["digest", "letter", "product"])
def test_an_element_knows_its_line_of_the_issue_in_every_theme(name: str) -> None:
    """Of the element that says something, the line on which the issue says it."""
    issue, theme = parse_issue(ISSUE, None, "issue"), load_theme(name)
    edition = compile_issue(issue, theme, PUBLICATION)
    places = element_places(edition, issue, theme, PUBLICATION)
    found = {
        (element.name, inner_text(edition.html, element)): place.line
        for element, place in zip(read_elements(edition.html), places, strict=True)
    }

    assert {key: found.get(key) for key in LINES} == LINES


def test_what_the_theme_says_has_the_line_of_its_file() -> None:
    """The footer is in no line of the issue."""
    issue, theme = parse_issue(ISSUE, None, "issue"), load_theme("digest")
    edition = compile_issue(issue, theme, PUBLICATION)
    places = element_places(edition, issue, theme, PUBLICATION)
    elements = read_elements(edition.html)
    (number,) = [e.number for e in elements if inner_text(edition.html, e) == "Unsubscribe"]
    place = places[number]

    assert (place.line, place.file) == (None, "footer.mjml.j2")
    assert "unsubscribe" in theme.files["footer.mjml.j2"].splitlines()[(place.file_line or 0) - 1]


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("issues/*.md")), ids=lambda path: path.stem)
def test_asking_for_places_changes_no_edition(path: Path) -> None:
    """The digest before and after is the same, and the marked HTML is the edition's but for the marks."""
    publication = load_publication(EXAMPLE)
    pressed = press(publication, path)
    settings = publication.settings.publication
    theme = pressed.theme
    assert theme is not None
    places = element_places(pressed.edition, pressed.issue, theme, settings)
    marked = with_lines(pressed.edition.html, places)

    assert press(publication, path).edition.digest == pressed.edition.digest
    assert sum(place != Place() for place in places) > 0.85 * len(places)
    assert re.sub(r' data-line="\d+"', "", marked) == pressed.edition.html


def test_an_edition_of_another_issue_has_no_places() -> None:
    """Places that cannot be told are none rather than wrong."""
    issue, theme = parse_issue(ISSUE, None, "issue"), load_theme("digest")
    other = compile_issue(replace(issue, title="Other", body="Text."), theme, PUBLICATION)

    assert set(element_places(other, issue, theme, PUBLICATION)) == {Place()}


def test_a_theme_that_cannot_be_followed_has_the_nearest_lines() -> None:
    """One that cuts its text sees the marks; what is told is by the words, and nothing of masthead and footer."""
    issue, theme = parse_issue(ISSUE, None, "issue"), load_theme("digest")
    files = dict(theme.files)
    masthead = "masthead.mjml.j2"
    files[masthead] = files[masthead].replace(
        "<mj-text", "{% macro cut() %}<!-- a b -->{% endmacro %}{{ cut() | length }}<mj-text", 1
    )
    edition = compile_issue(issue, theme, PUBLICATION)
    unusual = replace(theme, files=files)
    followed = element_places(edition, issue, theme, PUBLICATION)
    nearest = element_places(edition, issue, unusual, PUBLICATION)
    elements = read_elements(edition.html)
    said = {
        (each.name, inner_text(edition.html, each)): place.line
        for each, place in zip(elements, nearest, strict=True)
    }

    assert nearest != followed
    assert {line for key, line in said.items() if key[0] in {"h1", "h2", "h3"}} == {2, 8, 21}
    assert said["p", "First paragraph."] == 10
    assert said["a", "two"] == 5
    footer = [
        place
        for each, place in zip(elements, nearest, strict=True)
        if "1 Street" in inner_text(edition.html, each)
    ]
    assert footer[-1].line is None
    known = [(a.line, b.line) for a, b in zip(followed, nearest, strict=True) if a.line and b.line]
    assert sum(abs(a - b) <= 2 for a, b in known) > 0.7 * len(known)
