"""Which elements of the HTML bear the line of the issue they came from, and what each section weighs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks import Subject
from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme, with_lines
from newsletter.issues import parse_document, parse_issue

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "ai-news-digest" / "issues").glob("*.md"))
PUBLICATION = PublicationSettings(name="P", sender="p@example.com", postal_address="1 Street")
TEXT = """---
title: The title
preheader: Before all.
---
The lead for {{ subscriber.first_name | default("you") }}.

## One & only

A paragraph that
goes on.

- An item
- Another item

```
code here
```

## Two

| Head | Other |
| --- | --- |
| cell | more |

A paragraph that
goes on.
"""


def subject(text: str, theme: str = "digest") -> Subject:
    issue = parse_issue(text, Path("a.md"))
    look = load_theme(theme)
    return Subject(issue, parse_document(issue), compile_issue(issue, look, PUBLICATION), PUBLICATION, look)


def marked(made: Subject) -> str:
    return with_lines(made.edition.html, made.places)


def lines(html: str) -> dict[str, int]:
    found = re.findall(r'<(\w+) data-line="(\d+)"[^>]*>(.*?)</\1>', html, re.DOTALL)
    return {" ".join(re.sub(r"<[^>]+>|&#?\w+;", " ", text).split()): int(line) for _, line, text in found}


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
def test_elements_bear_the_line_they_came_from(theme):
    found = lines(marked(subject(TEXT, theme)))

    assert {text: found.get(text) for text in ("The title", "One only", "An item", "Another item", "cell")} == {
        "The title": 2, "One only": 7, "An item": 12, "Another item": 13, "cell": 23,
    }  # fmt: skip
    assert next(line for text, line in found.items() if text.startswith("code here")) == 15


def test_the_same_words_twice_are_told_apart_by_their_order():
    found = re.findall(r'<p data-line="(\d+)"[^>]*>A paragraph', marked(subject(TEXT)))

    assert found == ["9", "25"]


def test_nothing_but_the_marks_is_added():
    made = subject(TEXT)

    assert re.sub(r' data-line="\d+"', "", marked(made)) == made.edition.html


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_most_lines_of_the_examples_are_found(path):
    html = marked(subject(path.read_text(encoding="utf-8")))

    assert len(re.findall('data-line="', html)) >= 30


def test_what_only_frames_something_bears_no_line():
    """A click beside a text tells nothing wrong, and a line is shown on its text, not on a table around it."""
    found = re.findall(r'<(\w+) data-line="7"[^>]*>([^<]*)', marked(subject(TEXT)))

    assert found == [("h2", "One &amp; only")]


def test_the_weights_of_the_sections_add_up_to_the_whole():
    made = subject(TEXT)
    weights = made.weights

    assert [weight.title for weight in weights] == ["Head and styles", "Opening", "One & only", "Two"]
    assert [weight.line for weight in weights] == [None, None, 7, 19]
    assert sum(weight.size for weight in weights) == len(made.edition.html.encode())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30), max_size=6))
@settings(deadline=None, max_examples=40)
def test_any_issue_has_marks_that_change_nothing(paragraphs):
    made = subject("---\ntitle: T\n---\n" + "\n\n".join(f"x {text}" for text in paragraphs))

    assert re.sub(r' data-line="\d+"', "", marked(made)) == made.edition.html
    assert sum(weight.size for weight in made.weights) == len(made.edition.html.encode())
