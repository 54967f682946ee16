"""No HTML and no Markdown, however broken, makes the checks fail."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.checks import Finding, check_edition
from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.errors import NewsletterError
from newsletter.issues import parse_document, parse_issue
from tests.fakes.publications import BODY, FRONT, SETTINGS

PUBLICATION, THEME = PublicationSettings(**SETTINGS), load_theme("digest")
CLEAN = parse_issue(f"---\n{FRONT}\n---\n\n{BODY}\n", None, "issue")
DOCUMENT, EDITION = parse_document(CLEAN), compile_issue(CLEAN, THEME, PUBLICATION)
HTML = st.sampled_from(
    [
        *(
            '<div style="',
            "color:",
            "#12",
            "rgb(",
            "hsl(1,2",
            "background:",
            "url(",
            "font-size:",
            "1.2.3px",
            "em;",
        ),
        *(
            '">',
            "</div>",
            '<img src="',
            "http://[::1",
            "data:image/",
            'width="',
            '9%"',
            '<a href="',
            "#",
            'x">',
        ),
        *("</a>", "<h2>", "<table>", "<style>", "@media", "{", "}", "</style>", "<!--", "-->", "[if mso]>"),
        *(
            "<![endif]-->",
            "é",
            "\u0092",
            "text",
            '"',
            "'",
            "<",
            ">",
            "&#x110000;",
            'bgcolor="',
            "<html>",
            "<body>",
        ),
    ]
)
MARKDOWN = st.sampled_from(
    [
        *(
            "\n\n",
            "[a](",
            "http://",
            "[::1]",
            ")",
            "{{ ",
            "subscriber.first_name",
            " }}",
            "<p ",
            "</p>",
            "`",
            "> ",
        ),
        *(
            "style='color:red'",
            ">",
            "<!-- check: off ",
            "link-http -->",
            "because x",
            "# ",
            "- ",
            "1. ",
            "*",
            "![",
        ),
        *(
            "](x.png)",
            "\n{% if subscriber.name %}\n",
            "\n{% endif %}\n",
            "word word ",
            "TODO",
            "www.x.y",
            "| a |",
        ),
        *("?utm=1&fbclid=2", "\u200b", "---", "a@b.c", "//x", "*|NAME|*", "[^1]", ":::"),
    ]
)


@settings(deadline=None)
@given(st.lists(HTML, max_size=25).map("".join))
def test_any_html_can_be_checked(html: str) -> None:
    """A theme may make anything."""
    findings = check_edition(CLEAN, DOCUMENT, replace(EDITION, html=html), PUBLICATION)

    assert all(isinstance(finding, Finding) for finding in findings)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MARKDOWN, max_size=20).map("".join))
def test_any_issue_that_compiles_can_be_checked(text: str) -> None:
    """Findings lie within the file."""
    try:
        issue = parse_issue(f"---\n{FRONT}\n---\n\nText {text}\n", None, "issue")
        edition = compile_issue(issue, THEME, PUBLICATION)
    except NewsletterError:
        return
    lines = issue.body_line + issue.body.count("\n")

    for finding in check_edition(issue, parse_document(issue), edition, PUBLICATION, THEME):
        assert finding.file != "issue" or (finding.line or 1) <= lines
