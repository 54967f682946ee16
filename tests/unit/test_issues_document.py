"""The Document: sections, stories, blocks, conditionals and sources as the Markdown says them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.plaintext import TextFrame, render_text
from newsletter.errors import IssueError
from newsletter.issues import (
    Callout,
    Code,
    Conditional,
    Divider,
    Document,
    Heading,
    Html,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Table,
    iter_blocks,
    iter_inlines,
    observations,
    parse_document,
    parse_issue,
    text_of,
)


def read(body: str) -> Document:
    """*body* begins on line 4."""
    return parse_document(parse_issue(f"---\ntitle: T\n---\n{body}"))


def only(body: str):
    (block,) = read(body).lead
    return block


def refused(body: str) -> IssueError:
    with pytest.raises(IssueError) as caught:
        read(body)
    return caught.value


def citations(document: Document) -> list[tuple[int, ...]]:
    return [
        t.meta["numbers"] for _, content in iter_inlines(document) for t in content if t.type == "citation"
    ]


def test_headings_divide_the_body_into_lead_sections_and_stories():
    document = read("deck\n\n## One\n\nintro\n\n### A\n\na\n\n#### deep\n\n### B\n\n## Two\n\n# Three\n")
    assert [text_of(b.content) for b in document.lead] == ["deck"]
    assert [text_of(s.title) for s in document.sections] == ["One", "Two", "Three"]
    one = document.sections[0]
    assert [text_of(story.title) for story in one.stories] == ["A", "B"]
    assert isinstance(one.stories[0].blocks[1], Heading)
    assert (one.line, one.stories[0].line, one.stories[0].blocks[1].line) == (6, 10, 14)


def test_a_story_before_the_first_section_is_in_one_without_a_title():
    (section,) = read("### A\n\ntext").sections
    assert (section.title, section.anchor, len(section.stories)) == (None, "", 1)


def test_anchors_are_unique_and_without_tokens_and_citations():
    document = read("## Hi {{ subscriber.name }} [1]\n\n## Hi\n\n## Sources\n\n1. a\n")
    assert [section.anchor for section in document.sections] == ["hi", "hi-2"]


def test_blocks_of_every_kind_with_their_lines():
    blocks = read(
        "a\n\n> b\n\n- c\n\n|h|i|\n|:-|-:|\n|1|2|\n\n```py x\nd\n```\n\n"
        '![e *f*](g.png "t")\n\n***\n\n<b>\nx\n</b>\n'
    ).lead
    kinds = [Paragraph, Quote, Listing, Table, Code, Picture, Divider, Html]
    assert [type(block) for block in blocks] == kinds
    assert [block.line for block in blocks] == [4, 6, 8, 10, 14, 18, 20, 22]
    table, code, picture = blocks[3], blocks[4], blocks[5]
    assert table.aligns == ("left", "right")
    assert [[text_of(cell) for cell in row] for row in (table.head, *table.rows)] == [["h", "i"], ["1", "2"]]
    assert (code.text, code.language) == ("d\n", "py")
    assert (picture.src, picture.alt, picture.title) == ("g.png", "e f", "t")


def test_lists_keep_their_numbers_nesting_and_tightness():
    listing = only("3. a\n   - b\n4. c\n")
    assert (listing.ordered, listing.start, len(listing.items)) == (True, 3, 2)
    paragraph, inner = listing.items[0]
    assert paragraph.tight
    assert not inner.ordered
    assert not only("- a\n\n- b\n").items[0][0].tight


@pytest.mark.parametrize(
    ("body", "label", "text"),
    [
        ("**Why it matters:** because", "Why it matters", "because"),
        ("**Go deeper**: *here*", "Go deeper", "here"),
        ("**Note:**\nnext line", "Note", "next line"),
        ("Why it matters: plain", "Why it matters", "plain"),
        ("> [!NOTE]\n> careful", "Note", "careful"),
        ("> [!WARNING]\n>\n> careful", "Warning", "careful"),
    ],
)
def test_a_bold_label_or_an_alert_is_a_callout(body, label, text):
    callout = only(body)
    assert isinstance(callout, Callout)
    assert callout.label == label
    assert text_of(callout.blocks[0].content) == text


@pytest.mark.parametrize(
    "body",
    [
        "**Label:**",
        "**no colon** text",
        "**one two three four five six seven:** x",
        "The upshot: text",
        "x **A:** b",
    ],
)
def test_other_bold_text_is_a_paragraph(body):
    assert isinstance(only(body), Paragraph)


def test_labels_in_lists_are_emphasis():
    assert isinstance(only("- **A:** b\n\n- c").items[0][0], Paragraph)


@pytest.mark.parametrize("body", ["> q\n> — Ann", "> q\n>\n> – Ann", "> q\\\n> -- Ann"])
def test_a_last_line_with_a_dash_says_who_is_quoted(body):
    quote = only(body)
    assert text_of(quote.attribution) == "Ann"
    assert [text_of(block.content) for block in quote.blocks] == ["q"]


def test_a_quotation_that_only_begins_with_a_dash_has_no_attribution():
    assert only("> — well, no").attribution is None


class TestConditionals:
    BODY = (
        "a\n{% if 'x' in subscriber.tags %}\nb\n{%- elif subscriber.y -%}\n## c\n"
        "{% else %}\n- d\n{% endif %}\ne\n"
    )

    def test_control_lines_interrupt_paragraphs_and_hold_blocks(self):
        before, conditional, after = read(self.BODY).lead
        assert isinstance(before, Paragraph)
        assert isinstance(after, Paragraph)
        assert [branch.tag and branch.tag.expression for branch in conditional.branches] == [
            "'x' in subscriber.tags", "subscriber.y", None,
        ]  # fmt: skip
        assert [branch.line for branch in conditional.branches] == [5, 7, 9]
        kinds = [type(branch.blocks[0]) for branch in conditional.branches]
        assert kinds == [Paragraph, Heading, Listing]

    def test_conditions_are_tags_of_the_document_with_their_place(self):
        document = read("> {% if subscriber.a %}\n> x {{ subscriber.b }}\n> {% endif %}\n")
        assert [(tag.expression, tag.line, tag.column) for tag in document.tags] == [
            ("subscriber.a", 4, 3), ("subscriber.b", 5, 5),
        ]  # fmt: skip

    def test_they_nest(self):
        outer = only("{% if subscriber.a %}\n{% if subscriber.b %}\nx\n{% endif %}\n{% endif %}")
        assert isinstance(outer.branches[0].blocks[0], Conditional)

    def test_a_line_without_a_root_or_in_code_is_text(self):
        assert isinstance(only("{% if page.x %}"), Paragraph)
        assert isinstance(only("{% endif %}"), Paragraph)
        assert isinstance(only("```\n{% if subscriber.x %}\n```"), Code)
        assert isinstance(only("    {% if subscriber.x %}"), Code)
        assert isinstance(only("\\{% if subscriber.x %}"), Paragraph)

    @pytest.mark.parametrize(
        ("body", "line", "what"),
        [
            ("a\n\n{% if subscriber.x %}\nb", 6, "`{% if subscriber.x %}` is never closed"),
            ("- {% if subscriber.x %}\n\n{% endif %}", 4, "is never closed"),
            ("{% if subscriber.x %}\n> {% endif %}\n", 5, "`{% endif %}` does not belong"),
            ("{% if subscriber.x %}\n{% else %}\n{% else %}\n{% endif %}", 6, "comes after `{% else %}`"),
            ("{% if subscriber.x %}\n{% else %}\n{% elif subscriber.y %}\n{% endif %}", 6, "comes after"),
            ("{% if subscriber.x %}\n{% elif %}\n{% endif %}", 5, "has no condition"),
            ("{% if subscriber.x %}\n" * 30 + "{% endif %}\n" * 30, 24, "more than 20 levels"),
            ("x\n\n" + ">" * 200 + " x", 6, "more than 30 levels"),
        ],
    )
    def test_lines_that_do_not_fit_together_are_refused_at_their_line(self, body, line, what):
        error = refused(body)
        assert error.where.split(":")[0] == str(line)
        assert what in error.what
        assert error.hint


class TestSources:
    BODY = (
        "a [1], b [1, 2] and [9] and [x](y)[2] `[1]` [[1]](z) \\[1]\n\n"
        "## Sources:\n\n1. [A](https://a.example)\n2. B\n"
    )

    def test_citations_are_those_that_the_list_has_outside_code_and_links(self):
        assert citations(read(self.BODY)) == [(1,), (1, 2), (2,)]

    def test_entries_have_number_anchor_first_link_and_line(self):
        document = read(self.BODY)
        assert [(s.number, s.anchor, s.url, s.line) for s in document.sources] == [
            (1, "source-1", "https://a.example", 8), (2, "source-2", None, 9),
        ]  # fmt: skip
        assert text_of(document.sources_title) == "Sources:"
        assert document.sections == ()

    def test_numbers_are_as_written_while_they_rise_else_counted(self):
        body = "[3] [7]\n\n## References\n\n{0}. a\n{1}. b\n"
        assert [s.number for s in read(body.format(3, 7)).sources] == [3, 7]
        assert [s.number for s in read(body.format(1, 1)).sources] == [1, 2]
        assert citations(read(body.format(3, 7))) == [(3,), (7,)]

    def test_a_line_end_within_a_citation_does_not_matter(self):
        assert citations(read("a [1,\n2] b\n\n## Quellen\n\n1. a\n2. b")) == [(1, 2)]

    @pytest.mark.parametrize(
        "end",
        [
            "## Sources\n\n- a",
            "## Sources\n\ntext\n\n1. a",
            "## Sources\n\n1. a\n\n## More",
            "## Links\n\n1. a",
            "## Sources\n\n1. a\n\n   b",
        ],
    )
    def test_another_ending_is_a_section_and_numbers_stay_text(self, end):
        document = read(f"a [1]\n\n{end}")
        assert document.sources == ()
        assert document.sections
        assert citations(document) == []

    def test_link_references_stay_markdown(self):
        document = read(
            "[1] and [1][a] and [2]\n\n[1]: https://x.example\n[a]: https://y.example\n\n"
            "## Sources\n\n1. a\n2. b\n"
        )
        assert citations(document) == [(2,)]


def assert_one_line(told: str) -> None:
    assert "\n" not in told


FRAGMENTS = st.sampled_from(
    [
        *("---\n", "+++\n", "title: x\n", "date: ", "!!int ", "&a ", "*a", "[", "\\", '"', "'", "<", ">"),
        *("{% if subscriber.a %}\n", "{% else %}\n", "{% elif x %}\n", "{% endif %}\n"),
        *("{{ subscriber.x }}", "{{ subscriber.", "{{ x }}", "<{{ links.web }}>", "[x]: {{ links.web }}\n"),
        *("> ", "- ", "1. ", "## Sources\n", "## ", "# ", "\n", "\n\n", "`", "```", "    ", "[1]", "[a][b]"),
        *("](", "![", "**Why:** ", "— x", "[!NOTE]", "|a|b|\n|-|-|\n", "*", "_", "~~", "\t", "\r", "\0"),
        *("\u2028", "<a>", "<code>", "<div>", "<![x[", "<!--", "{{ subscriber.x ** " + "9" * 4400 + " }}"),
    ]
)


@settings(deadline=None, max_examples=100)
@given(st.lists(FRAGMENTS | st.text(max_size=5), max_size=25).map("".join), st.booleans())
def test_any_text_is_an_issue_or_an_issue_error(text, headed):
    """Whatever a file holds, reading it and writing it as text ends well or in an IssueError."""
    try:
        issue = parse_issue(f"---\ntitle: x\n---\n{text}" if headed else text)
        document = parse_document(issue)
    except IssueError as error:
        told = str(error)
        assert_one_line(told)
    else:
        told = render_text(document, TextFrame(lambda kind, tag: tag.token if tag else f"LP00000000c{kind}z"))
        observations(issue, document)
        assert all(block.line >= 1 for block in iter_blocks(document))
    assert told.strip()


def test_the_same_issue_is_the_same_document():
    text = "# T\n\n{{ subscriber.x }} [1]\n\n## Sources\n\n1. a\n"
    assert parse_document(parse_issue(text)) == parse_document(parse_issue(text))


@pytest.mark.parametrize("title", ["Sources", "Quellen", "来源", "المصادر", "स्रोत", "מקורות", "Источники"])
def test_a_list_of_sources_is_known_in_many_languages(title):
    """Its heading is a word for it, and citations become links."""
    assert citations(read(f"a [1]\n\n## {title}\n\n1. b")) == [(1,)]


def test_a_callout_may_have_the_colon_of_chinese():
    """The label is what stands before it."""
    (block,) = read("**为什么重要：** 一九九〇年。").lead

    assert isinstance(block, Callout)
    assert block.label == "为什么重要"
