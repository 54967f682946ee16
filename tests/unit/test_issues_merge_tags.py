"""Merge tags: which braces are tags, where they stand, and that all other braces are text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import IssueError
from newsletter.issues import Document, fields, iter_inlines, parse_document, parse_issue, roots, text_of


def read(body: str, title: str = "T") -> Document:
    return parse_document(parse_issue(f"# {title}\n\n{body}"))


def words(document: Document) -> str:
    return "\n".join(text_of(content) for _, content in iter_inlines(document))


def refused(body: str) -> IssueError:
    with pytest.raises(IssueError) as caught:
        read(body)
    return caught.value


def test_a_merge_tag_becomes_an_opaque_token_that_says_where_it_stood():
    document = read('Hello {{ subscriber.first_name | default("you\\"}}") }}, hi')
    (tag,) = document.tags
    assert re.fullmatch(r"LP[0-9a-f]{8}m0z", tag.token)
    assert tag.token in words(document)
    assert tag.expression == 'subscriber.first_name | default("you\\"}}")'
    assert (tag.line, tag.column) == (3, 7)
    assert tag.source == "{{ " + tag.expression + " }}"


def test_line_and_column_are_those_of_the_file():
    head = "---\ntitle: Hi {{ subscriber.name }}\nsubject: S {{ subscriber.name }}\n---\n"
    text = f"{head}\n> a\n> b {{{{ links.web }}}}\n"
    document = parse_document(parse_issue(text))
    assert [(tag.line, tag.column) for tag in document.tags] == [(2, 1), (3, 1), (7, 5)]
    assert document.tags[0].token in document.title
    assert document.tags[1].token in document.subject


def test_a_title_that_is_the_subject_has_its_tags_once():
    document = read("text", title="Hi {{ subscriber.name }}")
    assert document.title == document.subject
    assert len(document.tags) == 1


def test_link_targets_may_be_merge_tags():
    document = read(
        "[change]({{ links.preferences }}) or <{{ links.unsubscribe }}>\n\n<{{ links.web }}>\n\n"
        "[x]\n\n[x]: {{ links.web }}"
    )
    hrefs = [
        token.attrs["href"]
        for _, content in iter_inlines(document)
        for token in content
        if token.type == "link_open"
    ]
    assert hrefs == [tag.token for tag in document.tags[:3]] + [document.tags[3].token]


@pytest.mark.parametrize(
    "text",
    [
        "{{ first_name }}",
        "{{ page.subscriber }}",
        "{{{ x }}}",
        "{% include 'x' %}",
        "{{",
        "}} {{ subscriber.x",
        "{{ 'subscriber.x' }}",
        "{# subscriber #}",
        "{{ subscriber.x's }}",
    ],
)
def test_every_other_brace_is_text(text):
    document = read(f"a {text} b")
    assert words(document) == f"a {text} b"
    assert document.tags == ()


@pytest.mark.parametrize(
    "body",
    [
        "`{{ subscriber.x }}`",
        "```\n{{ subscriber.x }}\n```",
        "    {{ subscriber.x }}",
        "<pre>{{ subscriber.x }}</pre>",
        "<!-- {{ subscriber.x }} -->",
        "text <code>{{ subscriber.x }}</code> text",
        "\\{{ subscriber.x }}",
        "\\\\\\{{ subscriber.x }}",
    ],
)
def test_braces_in_code_and_behind_a_backslash_are_text(body):
    document = read(body)
    assert document.tags == ()
    assert document.nonce not in repr(document.lead)
    assert "{{ subscriber.x }}" in repr(document.lead)


def test_an_escaped_backslash_escapes_nothing():
    document = read("\\\\{{ subscriber.x }}", title="\\{{ subscriber.x }}")
    assert document.title == "{{ subscriber.x }}"
    assert words(document) == "\\" + document.tags[0].token


@pytest.mark.parametrize(
    ("body", "what", "hint"),
    [
        ("{{ subscriber.x y }}", "is no expression", "backslash"),
        ("{{ subscriber.x | defualt('') }}", "the filter `defualt`", "did you mean `default`?"),
        ("{{ subscriber.x is strng }}", "the test `strng`", "did you mean `string`?"),
        ("{{ subscriber.x | default(there) }}", "speaks of `there`", "quotes"),
        ("{{ subscriber.x or subscribr.y }}", "speaks of `subscribr`", "did you mean `subscriber`?"),
        ("{{ subscriber." + "x" * 600 + " }}", "longer than 500", "brace"),
        ("{{ subscriber.x + " + "(" * 400 + " }}", "no expression", "brace"),
        ("{% if subscriber.x == %}\n\nx\n\n{% endif %}", "is no expression", "Jinja"),
        ("{% if subscriber.x %}\n\nx\n\n{% elif y %}\n\n{% endif %}", "speaks of `y`", "names begin"),
    ],
)
def test_a_tag_that_is_no_expression_is_refused_where_it_stands(body, what, hint):
    error = refused(body)
    assert what in error.what
    assert hint in error.hint or "`\\`" in error.hint
    assert re.match(r"\d+:1$", error.where)


def test_checking_an_expression_never_computes_it():
    assert len(read("{{ subscriber.x or 9 ** 9 ** 9 ** 9 }}").tags) == 1


def test_the_token_occurs_nowhere_in_the_text():
    first = read("{{ subscriber.x }}")
    body = "{{ subscriber.x }} "
    for _ in range(5):
        body += f"LP{read(body).nonce}m0z "
    assert first.nonce
    assert f"LP{read(body).nonce}" not in body


def test_roots_and_fields_of_an_expression():
    expression = 'subscriber.first_name | default(subscriber["nick"]) ~ issue.title if "a" in subscriber.tags'
    assert roots(expression) == {"subscriber", "issue"}
    assert fields(expression) == {"first_name", "nick", "tags"}
    assert fields(expression, "issue") == {"title"}
    assert fields("subscriber") == set()


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="{}%abc \\`\n", max_size=60))
@example("{{{{")
def test_braces_without_a_root_change_nothing(text):
    """Of text in which nothing is rooted, no brace is taken for a tag."""
    assert read(text).tags == ()
