"""Plain text: readable by itself, 72 columns, links numbered once, conditionals without residue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.columns import align, display_width, wrap
from newsletter.editions.plaintext import WIDTH, TextFrame, render_text
from newsletter.issues import Document, load_issue, parse_document, parse_issue

GOLDEN = Path(__file__).parent.parent / "golden" / "issues"
CONTROL = re.compile(r"^<<(if|elif|else|endif)>>\n", re.MULTILINE)


def mark(kind, tag):
    return f"<<{kind}>>"


def read(body: str) -> Document:
    return parse_document(parse_issue(f"---\ntitle: T\n---\n{body}"))


def text(body: str, **frame) -> str:
    """The text below the title."""
    return render_text(read(body), TextFrame(mark, **frame)).removeprefix("T\n=\n").lstrip("\n")


def test_a_whole_issue_reads_as_recorded():
    document = parse_document(load_issue(GOLDEN / "everything.md"))
    frame = TextFrame(
        mark,
        masthead="The Coast Letter",
        date="7 March 2026",
        byline="By Ann Lee",
        footer=(
            "You get this because you asked for it.",
            "",
            "Leave: https://news.example.com/unsubscribe/token",
        ),
    )
    assert render_text(document, frame) == (GOLDEN / "everything.txt").read_text(encoding="utf-8")


def test_lines_keep_to_the_width_but_addresses_and_tokens_stay_whole():
    address = "https://example.com/" + "a" * 100
    written = text("word " * 60 + f"<{address}> {{{{ subscriber.name }}}} " + "漢字" * 50)
    assert f"\n{address}\n" in written
    assert all(display_width(line) <= WIDTH for line in written.split("\n") if "://" not in line)
    assert re.search(r"LP[0-9a-f]{8}m0z", written)


def test_links_are_numbered_after_the_sources_and_listed_once():
    written = text(
        "[a](https://a.example) [b](https://b.example) [again](https://a.example) [c](https://src.example)\n\n"
        "## Sources\n\n1. [S](https://src.example)\n2. T\n"
    )
    assert written.startswith("a [3] b [4] again [3] c [1]\n")
    assert written.endswith("LINKS\n-----\n\n[3] https://a.example\n[4] https://b.example\n")
    assert "[1] S https://src.example\n[2] T\n" in written


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<https://x.example/>", "https://x.example/"),
        ("[x.example](https://x.example/)", "x.example"),
        ("<ann@example.com>", "ann@example.com"),
        ("[up](#top)", "up"),
        ("[![Chart](c.png)](https://x.example)", "[Image: Chart] [1]"),
        ("a ![](dot.png) b", "a  b"),
        ("![](dot.png)", ""),
        ("~~old~~ *new* **bold** `code`", "[Struck out: old] new bold code"),
        ("a<br>b <i>c</i>", "a\nb c"),
        ('<a href="https://x.example">x</a> y', "x [1] y"),
        (
            "<div>\n<p>One <a href='https://x.example'>two</a></p><style>p{}</style>three\n</div>",
            "One two [1]\nthree",
        ),
        ("<div>\n<![x[ a>b\n</div>", "b"),
    ],
)
def test_inline_content(body, shown):
    assert text(body).partition("\n\n\nLINKS")[0].strip() == re.sub(" +", " ", shown)


def test_links_in_conditionals_stand_in_place():
    written = text("{% if subscriber.x %}\n[secret](https://s.example)\n{% endif %}\n")
    assert "secret <https://s.example>" in written
    assert "LINKS" not in written


class TestConditionals:
    BODY = (
        "a\n\n{% if subscriber.x %}\nb\n{% else %}\n> c\n{% endif %}\n\nd\n\n"
        "- e\n  {% if subscriber.y %}\n  f\n  {% endif %}\n- g\n\nh\n"
    )

    def test_each_control_token_is_alone_on_its_line(self):
        controls = [line for line in text(self.BODY).split("\n") if "<<" in line]
        assert controls == ["<<if>>", "<<else>>", "<<endif>>", "<<if>>", "<<endif>>"]

    def test_the_first_branch_taken_leaves_no_residue(self):
        taken = re.sub(r"<<else>>\n.*?(?=<<endif>>)", "", text(self.BODY), flags=re.DOTALL)
        assert CONTROL.sub("", taken) == "a\n\nb\n\nd\n\n- e\n  f\n- g\n\nh\n"

    def test_the_other_branch_taken_leaves_no_residue(self):
        taken = re.sub(r"<<if>>\n.*?(?=<<else>>|<<endif>>)", "", text(self.BODY), flags=re.DOTALL)
        assert CONTROL.sub("", taken) == "a\n\n> c\n\nd\n\n- e\n- g\n\nh\n"

    def test_a_conditional_at_the_end_of_a_loose_item_leaves_no_residue(self):
        written = text("- a\n\n  {% if subscriber.x %}\n  b\n  {% endif %}\n\n- c\n\nd\n")
        dropped = re.sub(r"<<if>>\n.*?<<endif>>\n", "", written, flags=re.DOTALL)
        assert dropped == "- a\n\n- c\n\nd\n"
        assert CONTROL.sub("", written) == "- a\n\n  b\n\n- c\n\nd\n"

    def test_the_condition_goes_with_if_and_elif_only(self):
        seen = []

        def note(kind, tag):
            seen.append((kind, tag and tag.expression))
            return "x"

        body = "{% if subscriber.a %}\n1\n{% elif subscriber.b %}\n2\n{% else %}\n3\n{% endif %}\n"
        render_text(read(body), TextFrame(note))
        assert seen == [("if", "subscriber.a"), ("elif", "subscriber.b"), ("else", None), ("endif", None)]


def test_a_table_is_aligned_or_written_row_by_row_when_too_wide():
    assert (
        text("|a|b|\n|-|-:|\n|x|1,000|\n|漢字|1|\n") == "a         b\n----  -----\nx     1,000\n漢字      1\n"
    )
    wide = text("|first|second|\n|-|-|\n|" + "x " * 30 + "|" + "y " * 30 + "|\n")
    assert wide.startswith("first: x x")
    assert "\nsecond: y y" in wide


def test_titles_are_capitals_but_for_tokens_and_languages_with_their_own():
    written = text("## Über {{ subscriber.x }}\n\nb")
    assert re.match(r"ÜBER LP[0-9a-f]{8}m0z\n-+\n", written)
    assert text("## istanbul\n\nb", language="tr-TR").startswith("istanbul\n")


def test_code_is_indented_and_never_wrapped():
    line = "x = " + "1 + " * 40 + "1"
    assert text(f"```\n{line}\n  y\n```") == f"    {line}\n      y\n"


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab漢字、。「」 \n\u00a0é한글-", max_size=300), st.integers(10, 80))
def test_wrapping_loses_nothing_and_keeps_to_the_width(content, width):
    """All characters but breaking spaces are kept in order; only what cannot be broken is longer."""
    lines = wrap(content, width, "- ", "  ")
    joined = "".join(lines[:1])[2:] + "".join(line[2:] for line in lines[1:])
    assert re.sub(r"[ \n]", "", joined) == re.sub(r"[ \n]", "", content)
    for line in lines:
        assert display_width(line) <= width or " " not in line[2:]


def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one():
    lines = wrap("漢字、" * 20 + "「漢字」" * 20, 15)
    assert not [line for line in lines if line[0] in "、」" or line[-1] == "「"]


def test_widths_and_alignment():
    assert [display_width(each) for each in ("abc", "漢字", "e\u0301", "한")] == [3, 4, 1, 2]
    assert (
        align([["a", "b", "c"], ["long", "long", "long"]], ["left", "center", "right"])[0]
        == "a      b       c"
    )


@pytest.mark.parametrize("address", ["htp:/foo", "ftp://x.example/a", "foo:bar"])
def test_a_link_that_the_html_drops_is_dropped_here_too(address):
    assert text(f"[y]({address}) z\n") == "y z\n"
    assert text(f"[y]({address}){{.button}}\n") == "y\n"
    assert text(f'<p><a href="{address}">y</a></p>\n') == "y\n"
    assert address not in text(f"a [1]\n\n## Sources\n\n1. [y]({address})\n")


def test_a_relative_link_is_relative_to_the_publication_as_in_the_html():
    written = text("[y](/issues/x) [z]({{ links.web }}) [w](#top)\n", base="https://letter.example")
    assert "[1] https://letter.example/issues/x\n[2] LP" in written
    assert written.startswith("y [1] z [2] w\n")


def test_the_cells_of_a_raw_table_are_apart():
    assert text("<table><tr><td>raw</td><td>html</td></tr></table>\n") == "raw html\n"
    assert text("<table><tr><th>raw<td>html</table>\n") == "raw html\n"
