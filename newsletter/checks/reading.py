"""Rules on what reading the Markdown noticed: references without a target, text that was meant as a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.raw_html import elements
from newsletter.checks.rule import Rule
from newsletter.editions.grounds import removed_background
from newsletter.editions.markup import TAGS
from newsletter.issues import observations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_OURS = "https://jinja.palletsprojects.com/en/stable/templates/#variables"
_MARKDOWN = "https://spec.commonmark.org/0.31.2/#link-reference-definitions"
_NOTES = "https://pandoc.org/MANUAL.html#footnotes"
_WHATWG_LINKS = "https://html.spec.whatwg.org/multipage/links.html"

LINK_SCHEME = Rule(
    "link-scheme",
    Severity.ERROR,
    "Mail programs follow only some kinds of links; others are dropped or dangerous.",
    _WHATWG_LINKS,
    "See [this report](htp:/example.com/report).",
    "See [this report](https://example.com/report).",
)
HTML_REMOVED = Rule(
    "html-removed",
    Severity.WARNING,
    "Elements that no mail may have are taken out of raw HTML, among them words in angle brackets.",
    "https://docs.rs/ammonia/latest/ammonia/",
    "Write to <name> for a copy.",
    "Write to &lt;name&gt; for a copy.",
)
RULES = (
    Rule(
        "merge-tag-misspelt",
        Severity.ERROR,
        "A merge tag that is misspelt goes out to everybody as braces.",
        _OURS,
        "Hello {{ subscribr.first_name }}.",
        'Hello {{ subscriber.first_name | default("reader") }}.',
    ),
    Rule(
        "merge-tag-unclosed",
        Severity.ERROR,
        "A merge tag that is not closed goes out to everybody as braces.",
        _OURS,
        "Hello {{ subscriber.first_name }.",
        'Hello {{ subscriber.first_name | default("reader") }}.',
    ),
    Rule(
        "merge-control",
        Severity.ERROR,
        "A condition within a line is text; conditions stand on lines of their own.",
        _OURS,
        'Hello {% if "pro" in subscriber.tags %} pro {% endif %} reader.',
        '{% if "pro" in subscriber.tags %}\n\nHello pro reader.\n\n{% endif %}',
    ),
    Rule(
        "braces-kept",
        Severity.WARNING,
        "Braces that are no merge tag are text, and readers see them.",
        _OURS,
        "Hello {{ whatever }}.",
        "Hello `{{ whatever }}`.",
    ),
    Rule(
        "reference-unresolved",
        Severity.WARNING,
        "A link whose definition is missing goes out as brackets.",
        _MARKDOWN,
        "See [the report][report].",
        "See [the report][report].\n\n[report]: https://example.com/report",
    ),
    Rule(
        "citation-unknown",
        Severity.WARNING,
        "A number in brackets that the list of sources lacks leads nowhere.",
        "https://www.w3.org/TR/dpub-aria-1.1/#doc-biblioref",
        "A claim [2].\n\n## Sources\n\n1. A report",
        "A claim [1].\n\n## Sources\n\n1. A report",
    ),
    Rule(
        "footnote-unknown",
        Severity.WARNING,
        "The mark of a footnote that is not there goes out as brackets.",
        _NOTES,
        "A claim [^one].",
        "A claim [^one].\n\n[^one]: A note.",
    ),
    Rule(
        "footnote-unused",
        Severity.WARNING,
        "A footnote without a mark reaches no reader.",
        _NOTES,
        "A claim.\n\n[^one]: A note.",
        "A claim [^one].\n\n[^one]: A note.",
    ),
    Rule(
        "table-cells-lost",
        Severity.WARNING,
        "Cells beyond the last column of a table's head reach no reader.",
        "https://github.github.com/gfm/#tables-extension-",
        "| Name | Place |\n| --- | --- |\n| Ann | Bergen | 1984 |",
        "| Name | Place | Year |\n| --- | --- | --- |\n| Ann | Bergen | 1984 |",
    ),
    Rule(
        "container-kept",
        Severity.WARNING,
        "Cards that are not closed, or of an unknown kind, go out as colons.",
        "https://talk.commonmark.org/t/generic-directives-plugins-syntax/444",
        "::: crads\n\nText\n\n:::",
        "Text",
    ),
    Rule(
        "attribute-kept",
        Severity.WARNING,
        "An attribute in braces that fits nothing goes out as text.",
        "https://pandoc.org/MANUAL.html#extension-link_attributes",
        "Some text {.button} here.",
        "[Some text](https://example.com/there){.button}",
    ),
    LINK_SCHEME,
    HTML_REMOVED,
)
_BY_ID = {rule.id: rule for rule in RULES}
#: Elements that go together with what is in them.
_WHOLE = frozenset({"script", "style"})


def source_observations(subject: Subject) -> Iterator[Finding]:
    """What reading the Markdown noticed."""
    for seen in observations(subject.issue, subject.document):
        yield subject.finding(
            _BY_ID[seen.rule], seen.message, hint=seen.hint, line=seen.line, column=seen.column
        )


def removed_html(subject: Subject) -> Iterator[Finding]:
    """What is taken out of raw HTML: elements, among them words in angle brackets, and pictures behind."""
    places = {(found.line, found.name) for found in elements(subject) if found.name not in TAGS}
    for line, name in sorted(places):
        rest = "with all that is in it" if name in _WHOLE else "and what is in it stays"
        yield subject.finding(
            HTML_REMOVED,
            f"`<{name}>` is no element that a mail can have; it is taken out, {rest}",
            hint=f"if it is text, escape `<` as `&lt;`: `&lt;{name}>`; else take it out",
            line=line,
        )
    for found in elements(subject):
        if said := removed_background(found.attributes.get("style") or ""):
            yield subject.finding(
                HTML_REMOVED,
                f"`{said}` is taken out: nothing but a plain colour may be behind an element",
                hint="write `background-color:#…`, or show the picture as an image",
                line=found.line,
            )


LOOKS = (source_observations, removed_html)
