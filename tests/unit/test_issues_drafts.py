"""A text that is Markdown already is kept word for word; only copied text is taken apart as a digest."""

from __future__ import annotations

from datetime import date

import pytest

from newsletter.errors import UsageError
from newsletter.issues import create_issue, is_markdown, load_issue, read_draft

NOTES = """\
“Smart quotes” — and so on.

# Weekly round-up

Hi, this is **bold**, from *elsewhere*.

* One
    * Two

| A | B |
|---|--:|
| x | {{x}} |

~~~json
{"a": 1}
~~~
"""


@pytest.mark.parametrize(
    "text",
    [
        NOTES,
        "---\ntitle: T\n---\nwords",
        "# Title\n\nwords",
        "\ufeff# Title\r\n\r\nwords",
        "See [the page](https://example.com/x).",
        "![a chart](chart.png)",
        "words\n\n```python\n1\n```",
        "a | b\n--|--\n1 | 2",
        "one **bold** word and **another one** here",
        "words[^1]\n\n[^1]: a note",
        '{% if "pro" in subscriber.tags %}\n\nx\n\n{% endif %}',
    ],
)
def test_marks_of_markdown_are_seen(text):
    assert is_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "The AI Digest\nApril 11, 2026\n\nBig news [1].\n\nSources\n1. A page https://example.com",
        "We are #1 in sales\n\n- an item\n- another, 5 * 3 * 2\n\n> quoted",
        "Costs rose -- again\n\n---\n\nMore on that.",
        "Press ** to continue, or * to stop",
    ],
)
def test_copied_text_has_none(text):
    assert not is_markdown(text)


def test_a_draft_becomes_an_issue_with_every_mark_as_it_was(tmp_path):
    draft = read_draft(NOTES)
    issue = load_issue(create_issue(tmp_path, draft.title, date(2026, 4, 11), draft.markdown))

    assert (issue.title, issue.extra) == ("Weekly round-up", {})
    assert [line for line in issue.body.split("\n") if line] == [
        line for line in NOTES.split("\n") if line and not line.startswith("# ")
    ]


def test_front_matter_of_a_draft_is_kept(tmp_path):
    draft = read_draft('+++\ntitle = "T"\ndate = 2026-05-01\ntopic = "science"\n+++\n\n# Heading\n\nwords\n')
    issue = load_issue(create_issue(tmp_path, draft.title, draft.date, draft.markdown))

    assert (issue.title, issue.date, issue.topic) == ("T", date(2026, 5, 1), "science")
    assert issue.body.strip() == "# Heading\n\nwords"


def test_a_title_that_is_given_takes_the_place_of_the_heading():
    draft = read_draft("# Old\n\nwords **a** **b**\n", title="New")

    assert (draft.title, draft.markdown) == ("New", "words **a** **b**\n")


def test_a_draft_without_a_title_says_how_to_give_one():
    with pytest.raises(UsageError, match="no title") as caught:
        read_draft("## A section\n\nwords\n")
    assert "--from FILE" in (caught.value.hint or "")
