"""Front matter: four styles, exact lines, and errors that name the place and the way out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from newsletter.errors import IssueError
from newsletter.issues import parse_issue

FILE = Path("issues/x.md")


def refused(text: str) -> IssueError:
    with pytest.raises(IssueError) as caught:
        parse_issue(text, FILE)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: A day\ndate: 2026-04-11\nauthors: [Ann, Bo]\nmood: calm\n---\nBody\n",
        '+++\ntitle = "A day"\ndate = 2026-04-11\nauthors = ["Ann", "Bo"]\nmood = "calm"\n+++\nBody\n',
        "Title: A day\nDate: 2026-04-11 10:20\nAuthors: Ann, Bo\nMood: calm\n\nBody\n",
    ],
    ids=["yaml", "toml", "pelican"],
)
def test_the_three_styles_say_the_same(text):
    issue = parse_issue(text, FILE)
    assert (issue.title, issue.date, issue.authors) == ("A day", date(2026, 4, 11), ("Ann", "Bo"))
    assert issue.extra == {"mood": "calm"}
    assert issue.body.strip() == "Body"
    assert issue.body.split("\n")[text.split("\n").index("Body") + 1 - issue.body_line] == "Body"


def test_without_front_matter_the_first_heading_is_the_title_and_leaves_the_body():
    issue = parse_issue("Before\n\n# The *title*\n\nAfter\n", FILE)
    assert issue.title == "The title"
    assert "title" not in issue.body
    assert issue.body.split("\n")[5 - issue.body_line] == "After"
    assert issue.lines["title"] == 3


def test_a_setext_heading_is_a_title_too_and_one_in_a_fence_is_not():
    assert parse_issue("Title here\n==========\n\ntext").title == "Title here"
    assert "no title" in refused("```\n# comment\n```\n").what


def test_a_heading_that_repeats_the_title_is_removed():
    assert "#" not in parse_issue("---\ntitle: Same\n---\n\n# Same\n\ntext").body


def test_each_key_knows_its_line():
    issue = parse_issue("\n---\n\ntitle: x\nsubject: >\n  folded\n  text\ntopic: news\n---\n")
    assert issue.lines == {"title": 4, "subject": 5, "topic": 8}
    assert issue.subject == "folded text"
    assert parse_issue('+++\n# c\ntitle = "x"\n\n[params]\na = 1\n+++\n').lines == {"title": 3, "params": 5}


def test_prose_with_a_colon_is_no_front_matter():
    assert parse_issue("Note: this is prose.\n\n# T\n").extra == {}
    assert parse_issue("Date: who knows,\nsaid Ann.\n\n# T\n").date is None


def test_pelican_values_continue_on_indented_lines():
    issue = parse_issue("Title: one\n    two\nAuthors: A; B, C\n\ntext")
    assert (issue.title, issue.authors) == ("one two", ("A", "B, C"))


def test_byte_order_mark_and_any_line_ends_are_tolerated():
    for end in ("\r\n", "\r"):
        issue = parse_issue(end.join(["\ufeff---", "title: x", "---", "a", "b"]))
        assert (issue.title, issue.body) == ("x", "a\nb")


def test_the_subject_is_the_title_unless_given():
    assert parse_issue("# T").subject == "T"
    assert parse_issue("---\ntitle: T\nsubject: S\n---").subject == "S"


@pytest.mark.parametrize(
    ("matter", "line", "what", "hint"),
    [
        ("title: x\nsubjet: y", 3, "`subjet` is not a key", "did you mean `subject`?"),
        ("Title: x", 2, "`Title` is not a key", "did you mean `title`?"),
        ("title: x\ndate: tomorrow", 3, "`tomorrow` is no date", "YYYY-MM-DD"),
        ("title: x\ndate: 2026-02-31", 3, "`date`", "YYYY-MM-DD"),
        ("title: x\nsent: 2026-02-31", 3, "`sent`", "quotes"),
        ("title: x\ndate: 20260411", 3, "is a number, not a date", "YYYY-MM-DD"),
        ("title: 2026", 2, "`title` is a number", 'title: "…"'),
        ("title: [a]", 2, "`title` is a list", "quotes"),
        ("title: x\ndir: up", 3, "`up` is no direction", "rtl"),
        ("title: x\nlanguage: no", 3, "false", '"no"'),
        ("titel: x\ndate: 2026-05-01", 2, "no title", "did you mean `title` by `titel`?"),
        ("title: x\nlanguage: klingon", 3, "no language tag", "`de`"),
        ("title: x\nlanguage: in English", 3, "no language tag", "`de`"),
        ("title: x\nslug: ../up", 3, "`../up` is no slug", "hyphens"),
        ("title: x\nauthors: [a, 1]", 3, "no name", "list of texts"),
        ("title: x\nauthor: a\nauthors: b", 4, "mean the same", "keep one"),
        ("title: x\ntitle: y", 3, "given twice", "line 2"),
        ('title: "a\\nb"', 2, "control character", "one line"),
        ('title: "a\\ud800b"', 2, "control character", "one line"),
        ("title: a: b", 2, "no YAML", "quotes"),
        ("- a\n- b", 2, "no `key: value` lines", "title"),
        ("title: x\n[a]: b", 3, "no word", "key: value"),
        ("title: x\na: !!int x", 3, "`a` has a value", "quotes"),
        ("title: x\na: !!timestamp x", 3, "`a` has a value", "quotes"),
        ("a: b", 1, "no title", "add `title: …`"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_line(matter, line, what, hint):
    error = refused(f"---\n{matter}\n---\n\ntext\n")
    assert str(error).startswith(f"{FILE}:{line}")
    assert what in error.what
    assert hint in error.hint
    assert "\n" not in error.what


def test_no_toml_is_told_with_line_and_column():
    error = refused('+++\ntitle = "x"\nfoo = bar\n+++\n')
    assert error.where == f"{FILE}:3:7"
    assert "(at line" not in error.what


def test_front_matter_that_is_never_closed_is_told_where_it_opens():
    error = refused("\n---\ntitle: x\n\ntext\n")
    assert error.where == f"{FILE}:2"
    assert "never closed" in error.what


def test_known_keys_of_every_kind_are_read():
    issue = parse_issue(
        "---\ntitle: t\npreheader: p\nauthor: Ann\nlanguage: pt-BR\ndir: RTL\ntheme: plain\nsegment: all\n"
        "topic: news\nslug: a-1\ndate: 2026-04-11T23:30:00-05:00\nheader: own\n---\n"
    )
    assert (issue.preheader, issue.authors, issue.language, issue.direction) == (
        "p",
        ("Ann",),
        "pt-BR",
        "rtl",
    )
    assert (issue.theme, issue.segment, issue.topic, issue.slug) == ("plain", "all", "news", "a-1")
    assert issue.date == date(2026, 4, 11)
    assert issue.extra == {"header": "own"}


def test_aliases_that_stand_for_more_than_a_machine_holds_are_refused() -> None:
    """Nine lines would be half a million values, and twelve would fill the memory."""
    lines = ["a0: &a0 [x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 5)}]" for n in range(1, 9)]

    error = refused("---\ntitle: T\n" + "\n".join(lines) + "\n---\n\nText.\n")

    assert error.what.startswith("the front matter has more than 10,000 values")
    assert "without `&` and `*`" in error.hint


def test_a_few_aliases_are_what_they_stand_for() -> None:
    issue = parse_issue("---\ntitle: T\na: &a [x, y]\nb: *a\n---\n\nText.\n", FILE)

    assert issue.extra == {"a": ["x", "y"], "b": ["x", "y"]}


def test_an_emoji_is_read_as_json_writes_it():
    """Programs write front matter by `json.dumps`, which YAML takes for two halves of a character."""
    assert parse_issue('---\ntitle: "A \\ud83d\\ude00"\n---\nText.\n', FILE).title == "A 😀"
    assert "U+D83D" in refused('---\ntitle: "A \\ud83d"\n---\nText.\n').what
