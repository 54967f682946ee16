"""Pasted digest text becomes an issue: nothing dropped, nothing invented, doubts told."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import IssueError
from newsletter.issues import (
    Callout,
    Document,
    Paragraph,
    Quote,
    iter_blocks,
    iter_inlines,
    parse_document,
    parse_issue,
    read_digest_text,
    text_of,
    to_markdown,
)
from newsletter.issues.dates import parse_day
from newsletter.issues.digest import escape

GOLDEN = Path(__file__).parent.parent / "golden" / "issues"
PASTED = (GOLDEN / "pasted-digest.txt").read_text(encoding="utf-8")


def document_of(text: str) -> Document:
    return parse_document(parse_issue(to_markdown(read_digest_text(text))))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


class TestAWholeDigest:
    def test_the_head_is_title_publication_day_and_author_once(self):
        digest = read_digest_text(PASTED)
        assert digest.title == "Harbour towns rebuild their tide gates as storms come earlier"
        assert (digest.publication, digest.date) == ("The Coast Letter", date(2026, 3, 7))
        assert digest.authors == ("The Coast Letter",)
        assert digest.notes == ()

    def test_it_becomes_an_issue_with_the_same_parts(self):
        document = document_of(PASTED)
        blocks = list(iter_blocks(document))
        assert len(document.lead) == 1
        assert [len(section.stories) for section in document.sections] == [2, 1]
        assert [block.label for block in blocks if isinstance(block, Callout)] == ["Why it matters"] * 3
        assert sum(isinstance(block, Quote) for block in blocks) == 1
        assert [source.number for source in document.sources] == [1, 2, 3, 4, 5]

    def test_every_citation_is_linked(self):
        document = document_of(PASTED)
        cited = [t.content for _, content in iter_inlines(document) for t in content if t.type == "citation"]
        body = PASTED[: PASTED.index("\nSources\n")]
        assert cited == re.findall(r"\[\d[\d, ]*\]", body)

    def test_its_words_are_the_words_of_the_text(self):
        document = document_of(PASTED)
        read = [text_of(content) for _, content in iter_inlines(document)]
        labels = [block.label for block in iter_blocks(document) if isinstance(block, Callout)]
        numbers = [str(source.number) for source in document.sources]
        head, _, body = PASTED.partition("March 7, 2026\n")
        assert sorted(words(" ".join([*read, *labels, *numbers]))) == sorted(words(body))
        assert set(words(head)) - {"By", "7"} <= set(
            words(document.title + " The Coast Letter 2026 03 07 March")
        )

    def test_a_torn_sentence_is_joined(self):
        assert "the plan is to float the last two beams" in to_markdown(read_digest_text(PASTED))

    def test_line_ends_and_a_byte_order_mark_change_nothing(self):
        assert read_digest_text("\ufeff" + PASTED.replace("\n", "\r\n")) == read_digest_text(PASTED)

    def test_the_issue_file_is_as_recorded(self):
        recorded = (GOLDEN / "pasted-digest.md").read_text(encoding="utf-8")
        assert to_markdown(read_digest_text(PASTED)) == recorded


def outline(text: str) -> list[tuple[str, list[str]]]:
    return [
        (section.title, [story.title for story in section.stories])
        for section in read_digest_text(text).sections
    ]


def test_without_head_and_sources_there_is_still_an_issue():
    digest = read_digest_text("A title\n\nSome text.\n\nA heading\n\nMore text.\n")
    assert (digest.title, digest.date, digest.publication, digest.authors) == ("A title", None, "", ())
    assert [passage.text for passage in digest.deck] == ["Some text."]
    assert [section.title for section in digest.sections] == ["A heading"]
    assert digest.sources == ()


def test_a_heading_right_before_another_is_a_section():
    assert outline("T\n\nDeck.\n\nS\n\nA\n\nText.\n\nB\n\nText.\n\nS2\n\nC\n\nText.") == [
        ("S", ["A", "B"]), ("S2", ["C"]),
    ]  # fmt: skip


def test_a_heading_with_an_introduction_is_a_section_where_stories_say_why_they_matter():
    assert outline(
        "T\n\nDeck.\n\nS\n\nIntro.\n\nA\n\nText.\n\nWhy it matters: x.\n\nB\n\nText.\n\nMore."
    ) == [("S", ["A", "B"])]


def test_stories_without_a_section_skip_no_heading_level():
    text = "T\n\nDeck.\n\nA\n\nText.\n\nWhy it matters: x.\n\nB\n\nText.\n\nWhy it matters: y."
    assert outline(text) == [("", ["A", "B"])]
    assert [text_of(section.title) for section in document_of(text).sections] == ["A", "B"]


def test_lines_without_blank_lines_between_are_told_apart_by_their_length():
    prose = "Word " * 30 + "end."
    assert outline(f"T\n\nDeck.\n\nS\n\nA\n{prose}\nWhy it matters: x.\nB\n{prose}") == [("S", ["A", "B"])]
    wrapped = read_digest_text("T\n\nThis paragraph was wrapped\nby hand at a short\nwidth.")
    assert [passage.text for passage in wrapped.deck] == [
        "This paragraph was wrapped by hand at a short width."
    ]


@pytest.mark.parametrize(
    ("line", "authors", "day"),
    [
        ("By Ann Lee • April 11, 2026", ("Ann Lee",), date(2026, 4, 11)),
        ("by Ann Lee and Bo Ek", ("Ann Lee", "Bo Ek"), None),
        ("Von Ann Lee | 11. April 2026", ("Ann Lee",), date(2026, 4, 11)),
        ("Ann Lee — 2026-04-11", ("Ann Lee",), date(2026, 4, 11)),
        ("By Ann Lee, April 11, 2026", ("Ann Lee",), date(2026, 4, 11)),
        ("Saturday, April 11, 2026", (), date(2026, 4, 11)),
    ],
)
def test_bylines(line, authors, day):
    digest = read_digest_text(f"Title\n\n{line}\n\nDeck.")
    assert (digest.title, digest.authors, digest.date) == ("Title", authors, day)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Title\n\nDeck.\n\nIs this one?\n\nText.", "line 5: “Is this one?” may be a heading"),
        ("Title\n\nDeck.\n\nBye", "line 5: nothing follows “Bye”"),
        ("Title\n\nText [3].\n\nSources\n\n1. a", "line 3: [3] cites what the list of sources lacks"),
        ("Title\n\nText.\n\nSources\n\n1. a\n\nGoodbye, all.", "line 9: text behind the list of sources"),
        ("Title\n\nText.\n\nSources\n\n2. a\n1. b", "do not rise"),
        ("Title\n\nText.\n\nSources\n\n1. a\n2.", "source 2 has no text"),
        ("Title\n\nNews\n\nExtra line\n\n2026-01-02\n\nText.", "“Extra line” was kept as a paragraph"),
        ("Title\n\n2026-01-02\n\nJan 3, 2026\n\nText.", "several dates; 2026-01-02 was taken"),
        ("x" * 300 + ".", "no title was found"),
    ],
)
def test_what_cannot_be_placed_for_certain_is_kept_and_told(text, note):
    digest = read_digest_text(text)
    assert note in "\n".join(digest.notes)
    kept = to_markdown(digest)
    for word in words(text.replace("News", "")):
        assert word in kept or word in {"Jan", "3", "2", "Sources"}


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff"])
def test_empty_text_is_refused(text):
    with pytest.raises(IssueError, match="empty"):
        read_digest_text(text)


@pytest.mark.parametrize("text", ["\0PNG", "a\x01b", "\x7fELF"])
def test_binary_data_is_refused_with_its_source(text):
    with pytest.raises(IssueError, match=r"^some\.png: this is binary"):
        read_digest_text(text, Path("some.png"))


def test_bullets_quotations_and_addresses():
    text = "T\n\nDeck.\n\nHead\n\n• one\n• two\n\n“Only this.” [1]\n\n“Not” only “this”.\n\nSee https://x.example/a_b_c.\n"
    document = document_of(text)
    kinds = [type(block).__name__ for block in document.sections[0].blocks]
    assert kinds == ["Listing", "Quote", "Paragraph", "Paragraph"]
    links = [
        t.attrs["href"] for _, content in iter_inlines(document) for t in content if t.type == "link_open"
    ]
    assert links == ["https://x.example/a_b_c"]


@pytest.mark.parametrize(
    "text",
    [
        *("# no heading", "1. no list", "2) none", "- none", "+ none", "> none", "* none", "--- none"),
        *(
            "===",
            "***",
            "+++",
            "~~~",
            "\\",
            "a\\*b",
            "*a*",
            "_a_ snake_case __b__",
            "`a`",
            "<b>a</b>",
            "~~a~~",
        ),
        *("&amp; &copy;", "[a](b)", "[1](b)", "![a](b)", "a![1]", "[a]: b", "[!NOTE]", "**Why:** x"),
        *("{{ subscriber.x }}", "{% if subscriber.x %}", "C#", "C #", "a | b", "1986. A year"),
    ],
)
def test_escaped_text_reads_as_it_was(text):
    body = parse_document(parse_issue(f"---\ntitle: x\n---\n\n{escape(text)}\n"))
    (paragraph,) = body.lead
    assert isinstance(paragraph, Paragraph)
    assert text_of(paragraph.content) == text
    if text.startswith(("- ", "* ")):
        return  # pasted, it is a list
    (section,) = document_of(f"T\n\nDeck.\n\n{text}x\n\nText.").sections
    assert text_of(section.title) == f"{text}x"


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab1 #*_`<>&;~[](){}%!|\\-+=.:/\"'—“”é中", min_size=1, max_size=40))
def test_any_line_reads_as_it_was(text):
    """Escaping is exact for whatever characters Markdown gives a meaning to."""
    line = " ".join(text.split()) + "."
    body = parse_document(parse_issue(f"---\ntitle: x\n---\n\n{escape(line)}\n"))
    assert "".join(text_of(content) for _, content in iter_inlines(body)) == line


LINES = st.sampled_from(
    [
        *("", "", "", "Head", "Text.", "2026-01-02", "By Ann", "Why it matters: x.", "Sources", "1. a"),
        *("“q” [1]", "and more", "• b", "What?", "x" * 130, "{{ x }}"),
    ]
)


@settings(deadline=None, max_examples=100)
@given(st.lists(LINES, max_size=20).map("\n".join))
def test_no_word_is_lost_and_none_is_new(text):
    """The words of the issue file are those of the text, but for what the head repeats."""
    try:
        digest = read_digest_text(text)
    except IssueError:
        assert not text.strip()
        return
    markdown = to_markdown(digest)
    assert set(words(text)) - {"By", "Sources", "1"} <= set(words(markdown))
    assert set(words(markdown)) <= set(words(text)) | {"title", "date", "authors", "publication"}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-04-11", date(2026, 4, 11)),
        ("2026/4/1", date(2026, 4, 1)),
        ("April 11th, 2026", date(2026, 4, 11)),
        ("Sept. 1, 2026", date(2026, 9, 1)),
        ("Sat, 11 Apr 2026", date(2026, 4, 11)),
        ("11.04.2026", date(2026, 4, 11)),
        ("11. März 2026", date(2026, 3, 11)),
        ("le 1er août 2026", date(2026, 8, 1)),
        ("11 de abril de 2026", date(2026, 4, 11)),
        ("2026年4月11日", date(2026, 4, 11)),
        ("04/11/2026", None),
        ("2026-13-01", None),
        ("Foo 11, 2026", None),
        ("April 2026", None),
    ],
)
def test_days_as_people_write_them(text, day):
    assert parse_day(text) == day


def read(text: str) -> str:
    """The body of the issue that a digest with *text* after its deck becomes."""
    body = to_markdown(read_digest_text(f"T\n\n2026-01-02\n\nDeck.\n\n{text}\n\nEnd of it.\n"))
    return body.partition("Deck.\n\n")[2].partition("\n\nEnd of it.")[0]


def test_adjacent_citations_stay_citations():
    document = document_of("T\n\nDeck [1][2], [2] [3] and [1][2][3].\n\nSources\n\n1. a\n2. b\n3. c")
    cited = [t.content for _, content in iter_inlines(document) for t in content if t.type == "citation"]
    assert cited == ["[1]", "[2]", "[2]", "[3]", "[1]", "[2]", "[3]"]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("1. First\n2. Second", "1. First\n2. Second"),
        ("1) First\n\n2) Second", "1. First\n2. Second"),
        ("3. Third\n4. Fourth is\nwrapped", "3. Third\n4. Fourth is wrapped"),
        ("• item\n• other", "- item\n- other"),
        ("- item\n\n- other", "- item\n- other"),
        ("* item", "- item"),
        ("Three things:\n- a\n- b\nand more", "Three things:\n\n- a\n- b and more"),
        ("We saw:\n1. a\n2. b", "We saw:\n\n1. a\n2. b"),
        ("• " + "long " * 30 + "\n• b", "- " + "long " * 29 + "long\n- b"),
        ("1. A title\n\nText.", "## 1\\. A title\n\nText."),
    ],
)
def test_lists_stay_lists(text, markdown):
    assert read(text) == markdown


@pytest.mark.parametrize(
    "text",
    ["“We close.” [1]\n\n— Jo Dale, harbour master", "“We close.” [1]\n— Jo Dale, harbour master",
     "“We close.” [1] – Jo Dale, harbour master"],
)  # fmt: skip
def test_an_attribution_belongs_to_the_quotation_above_it(text):
    assert read(text) == "> “We close.” [1]\n>\n> — Jo Dale, harbour master"
    (section,) = document_of(f"T\n\nDeck.\n\nHead\n\n{text}").sections
    (quote,) = section.blocks
    assert isinstance(quote, Quote)
    assert text_of(quote.attribution or ()) == "Jo Dale, harbour master"


def test_a_line_behind_a_dash_is_no_heading():
    assert read("— Jo Dale, harbour master") == "— Jo Dale, harbour master"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Why it matters\nIt floods.", "**Why it matters:** It floods."),
        ("Why it matters\n\nIt floods.", "**Why it matters:** It floods."),
        ("Why it matters: it floods", "**Why it matters:** it floods"),
        ("The big picture: it floods", "**The big picture:** it floods"),
        ("What’s next: it floods.", "**What’s next:** it floods."),
        ("Yes, but: it floods.", "**Yes, but:** it floods."),
        ("Bottom line:\nIt floods.", "**Bottom line:** It floods."),
        ("Text.\nGo deeper: a report.", "Text.\n\n**Go deeper:** a report."),
        ("Our take: one.\n\nOur take: two.", "**Our take:** one.\n\n**Our take:** two."),
        ("Our take: one.", "Our take: one."),
        ("A label of five words: one.\n\nA label of five words: two.",
         "A label of five words: one.\n\nA label of five words: two."),
        ("Gates: a story\n\nText.\n\nGates: another\n\nText.",
         "## Gates: a story\n\nText.\n\n## Gates: another\n\nText."),
    ],
)  # fmt: skip
def test_labels_are_call_outs_if_they_are_known_or_recur(text, markdown):
    assert read(text) == markdown


@pytest.mark.parametrize(
    ("head", "authors"),
    [
        ("Nov 20, 2026 · 6 min read", ()),
        ("20 Nov 2026 · 6 min read\nBy Ann Smith", ("Ann Smith",)),
        ("20 Nov 2026\nAnn Smith", ("Ann Smith",)),
        ("6 min read · Nov 20, 2026", ()),
        ("Nov 20, 2026 • Ann Smith", ("Ann Smith",)),
        ("By Ann Smith · Nov 20, 2026 · 6 min read", ("Ann Smith",)),
    ],
)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_the_day_is_found_beside_the_time_that_reading_takes(head, authors, gap):
    digest = read_digest_text(f"Title{gap}{head}\n\nDeck.")
    assert (digest.title, digest.date, digest.authors) == ("Title", date(2026, 11, 20), authors)
    assert digest.notes == ()


def test_a_heading_beneath_the_day_is_no_author():
    digest = read_digest_text("Title\n\n2026-11-20\n\nTop News\n\nText.")
    assert (digest.authors, [section.title for section in digest.sections]) == ((), ["Top News"])


def test_a_text_without_a_day_is_told_to_get_that_of_today():
    assert "no date was found" in "\n".join(read_digest_text("Title\n\nDeck.").notes)


@pytest.mark.parametrize(
    "line",
    ["Good morning everyone", "Hi", "Dear readers", "We look at three things…", "It rained. Then it stopped"],
)
def test_greetings_and_sentences_are_no_headings(line):
    assert read(f"{line}\n\nText.") == f"{line}\n\nText."


@pytest.mark.parametrize("line", ["U.S. Senate votes", "Dr. Roe wins", "Acme Inc. grows", "Hi-tech gates"])
def test_abbreviations_end_no_sentence(line):
    assert read(f"{line}\n\nText.") == f"## {line}\n\nText."


def test_lines_in_capitals_among_others_are_sections():
    text = "T\n\nDeck.\n\nQUICK HITS\n\nA\n\nText.\n\nGate opens\n\nText.\n\nDEEPER\n\nGate waits\n\nText."
    assert outline(text.replace("\n\nA\n", "\n\nGate shuts\n")) == [
        ("QUICK HITS", ["Gate shuts", "Gate opens"]), ("DEEPER", ["Gate waits"]),
    ]  # fmt: skip
    assert outline("T\n\nDeck.\n\nNASA\n\nText.\n\nGate\n\nText.") == [("NASA", []), ("Gate", [])]
