"""Observations: text that was perhaps meant as something else, with its place and a way out."""

from __future__ import annotations

import pytest

from newsletter.issues import Observation, observations, parse_document, parse_issue


def seen(body: str, title: str = "T") -> list[Observation]:
    """*body* begins on line 4."""
    issue = parse_issue(f"---\ntitle: '{title}'\n---\n{body}")
    return observations(issue, parse_document(issue))


@pytest.mark.parametrize(
    ("body", "rule", "place", "hint"),
    [
        ("a\nb {{ subscribr.x }}", "merge-tag-misspelt", (5, 3), "did you mean `subscriber`?"),
        ("{{ first_name }}", "merge-tag-misspelt", (4, 1), "did you mean `subscriber.first_name`?"),
        ("x {{ subscriber.x", "merge-tag-unclosed", (4, 3), "close it on the same line"),
        ("{{ product.price }}", "braces-kept", (4, 1), "`code`"),
        ("a {% if subscriber.x %}b{% endif %}", "merge-control", (4, 3), "lines of their own"),
        ("{% include 'x' %}", "braces-kept", (4, 1), "remove it"),
        ("<div>\n{% if subscriber.x %}\n</div>", "merge-control", (5, 1), "lines of their own"),
        ("see [text][ref] there", "reference-unresolved", (4, 5), "[ref]: https://…"),
        ("see [text][]", "reference-unresolved", (4, 5), "[text]: https://…"),
        ("a\n[x]: https://x.example", "reference-unresolved", (5, 1), "blank line"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 2 | 3 |", "table-cells-lost", (7, 1), "as many"),
        ("> a | b\n> --- | ---\n> 1 | 2 | 3", "table-cells-lost", (6, 1), "as many"),
        ("- x\n\n  | a | b |\n  |---|---|\n  | 1 | `2|3` |", "table-cells-lost", (8, 1), "`\\|`"),
        ("a [1, 7]\n\n## Sources\n\n1. b", "citation-unknown", (4, 3), "ends with 1;"),
    ],
)
def test_what_is_noticed(body, rule, place, hint):
    first = seen(body)[0]
    assert (first.rule, (first.line, first.column)) == (rule, place)
    assert hint in first.hint


@pytest.mark.parametrize(
    "body",
    [
        "| a | b |\n|---|---|\n| 1 | {{ subscriber.x | default('2') | upper }} |\n| 1 | 2 \\| 3 |\n| 1 | 2 | |",
        "`{{ first_name }}`", "```\n{{ x }} [a][b]\n```", "\\{{ first_name }}", "{{ subscriber.first_name }}",
     "[a][b]\n\n[b]: https://x.example", "a [1]\n\n## Sources\n\n1. b", "a [1] without sources"],
)  # fmt: skip
def test_code_escapes_and_what_is_right_are_not_noticed(body):
    assert seen(body) == []


def test_the_front_matter_is_looked_at_too():
    (found,) = seen("x", title="Hi {{ name }}")
    assert (found.rule, found.line) == ("merge-tag-misspelt", 2)
    assert seen("x", title="Hi \\{{ name }}") == []


def test_each_occurrence_is_told_in_the_order_of_the_file():
    assert [found.line for found in seen("{{ a }}\n\n{{ a }}\n\n`{{ a }}`\n\n{{ a }}")] == [4, 6, 10]


@pytest.mark.parametrize("mark", ["{track=no}{.button}", "{.button}{track=no}", "{track=maybe}"])
def test_a_wish_not_to_be_tracked_that_does_not_work_is_told(mark):
    """A button cannot say it; its link would be tracked in silence."""
    assert "attribute-kept" in {
        each.rule for each in seen(f"## A\n\n### B\n\n[Read](https://e.com/){mark}\n")
    }
