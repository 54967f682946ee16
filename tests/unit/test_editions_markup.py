"""Markdown's inline content and raw HTML become well-formed XHTML that can do no harm."""

from __future__ import annotations

from xml.etree import ElementTree as XML

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.contrast import contrast
from newsletter.editions.markup import InlineRenderer, Links, check_depth, clean_html
from newsletter.errors import IssueError
from newsletter.issues import Paragraph, iter_blocks, parse_document, parse_issue

LINKS = Links("https://news.example.com", "LP00112233")


def inline(markdown: str) -> str:
    document = parse_document(parse_issue(f"---\ntitle: x\n---\n\n{markdown}\n", None, "x"))
    links = Links("https://news.example.com", f"LP{document.nonce}")
    sources = {source.number: source for source in document.sources}
    renderer = InlineRenderer(links, sources, "Source {number}")
    paragraph = next(block for block in iter_blocks(document) if isinstance(block, Paragraph))
    return str(renderer.render_inline(paragraph.content))


def cleaned(html: str) -> str:
    return clean_html(html, LINKS)


def parsed(xhtml: str) -> XML.Element:
    return XML.fromstring(f"<div>{xhtml}</div>")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example/?x=1", "https://a.example/?x=1"),
        ("HTTP://A.example", "HTTP://A.example"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("tel:+49", "tel:+49"),
        ("#story", "#story"),
        ("LP00112233m0z", "LP00112233m0z"),
        ("/archive", "https://news.example.com/archive"),
        ("chart.png", "https://news.example.com/chart.png"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("javascript:alert(1)", None),
        (" java\nscript:alert(1)", None),
        ("\x01javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("vbscript:x", None),
        ("file:///etc/passwd", None),
        ("//[", None),
    ],
)
def test_a_link_leads_to_the_web_to_mail_to_a_phone_or_nowhere(url, safe):
    assert LINKS.safe(url) == safe


def test_an_image_may_be_within_the_message():
    assert LINKS.image("cid:logo@example.com") == "cid:logo@example.com"
    assert LINKS.safe("cid:logo@example.com") is None


def test_text_and_attributes_are_escaped():
    xhtml = inline('5 < 6 & "x" [a](https://x.example/?a=1&b=2 "say \\"hi\\" <b>")')
    link = parsed(xhtml).find("a")
    assert link.get("href") == "https://x.example/?a=1&b=2"
    assert link.get("title") == 'say "hi" <b>'
    assert parsed(xhtml).text == '5 < 6 & "x" '


def test_a_citation_links_each_number_to_its_source():
    sup = parsed(inline("Said [1, 2].\n\n## Sources\n\n1. [One](https://one.example)\n2. Two")).find("sup")
    assert "".join(sup.itertext()) == "[1, 2]"
    assert [link.get("href") for link in sup] == ["https://one.example", "#source-2"]
    assert [link.get("aria-label") for link in sup] == ["Source 1", "Source 2"]


def test_an_image_without_an_allowed_address_is_its_alternative_text():
    assert inline("see ![a *chart*](ftp://x.example/i.png) here") == "see a chart here"


def test_raw_html_within_text_is_closed_and_cleaned():
    xhtml = inline('a <b onclick="x()">bold <br> <script>alert(1)</script> <i>more')
    assert "script" not in xhtml
    assert "onclick" not in xhtml
    assert [element.tag for element in parsed(xhtml).iter()] == ["div", "b", "br", "i"]


def test_unclosed_and_unquoted_html_becomes_well_formed():
    root = parsed(cleaned("<ul><li>one<li>two</ul><img src=/x.png alt=a><hr><p>open &copy; &nbsp;x"))
    assert [element.tag for element in root] == ["ul", "img", "hr", "p"]
    assert root.find("img").get("src") == "https://news.example.com/x.png"


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<style>p{}</style>",
        "<iframe src=https://x.example></iframe>",
        "<!--[if mso]><b>x",
        "<p onmouseover=x()>",
        '<a href="javascript:x">',
        "<form action=x><input></form>",
        "<svg onload=x>",
        "<object data=x>",
        '<p style="background:url(javascript:x)">',
        '<p style="position:fixed;behavior:url(x)">',
        "<meta http-equiv=refresh>",
        "<base href=x>",
    ],
)
def test_what_runs_loads_or_covers_the_mail_is_gone(html):
    result = cleaned(html)
    for word in (
        "script",
        "style>",
        "iframe",
        "[if",
        "onmouse",
        "form",
        "svg",
        "object",
        "fixed",
        "meta",
        "base",
    ):
        assert word not in result
    assert "url(" not in result


def test_harmless_styles_stay():
    assert 'style="color:red"' in cleaned('<p style="color:red; position:fixed">x</p>')


def test_a_table_with_header_cells_is_a_table_and_one_without_is_layout():
    assert 'role="table"' in cleaned("<table><tr><th>a</th></tr></table>")
    assert 'role="presentation"' in cleaned("<table><thead></thead><tr><td>a</td></tr></table>")
    assert cleaned('<table role="grid"><tr><td>a</table>').count("role=") == 1


def test_markup_that_is_nested_too_deep_is_refused():
    with pytest.raises(IssueError, match="nested"):
        cleaned("<div>" * 60)
    with pytest.raises(IssueError, match="nested"):
        inline("".join("*a _b " for _ in range(60)) + "".join("_ *" for _ in range(60)))
    check_depth("<p>" * 50 + "<br/>")


@given(
    st.text()
    | st.lists(st.sampled_from(["<b>", "</b>", "<td>", "<p", '"', "'", ">", "<a href=", "&", "&#0;"])).map(
        "".join
    )
)
@settings(max_examples=100, deadline=None)
def test_any_raw_html_becomes_well_formed(html):
    try:
        result = cleaned(html)
    except IssueError:
        return  # nested too deep
    parsed("".join(ch for ch in result if ch.isprintable()))


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("background-color:#ffffcc", "background-color:#ffffcc;color:#1a1a1a"),
        ("background: yellow", "background-color:yellow;color:#1a1a1a"),
        ("BACKGROUND-COLOR: #003300;", "background-color:#003300;color:#ffffff"),
        ("background: #dd3333 url(x.png) no-repeat", "background-color:#dd3333;color:#ffffff"),
        ("background:#eee;color:#222", "background-color:#eee;color:#222"),
        ("background-color:rgba(255,255,0,.3)", "background-color:rgba(255, 255, 0, 0.3)"),
        ("background:linear-gradient(red, blue)", ""),
    ],
)
def test_a_ground_of_its_own_has_an_ink(style, kept):
    """An opaque colour behind text that says nothing of its own; what shines through leaves it to the theme."""
    assert cleaned(f'<p style="{style}">x</p>') == f'<p style="{kept}">x</p>'


def test_the_ink_that_an_editor_chose_holds_for_what_is_within():
    box = '<div style="color:#006600"><p style="background-color:#ffffcc">x</p></div>'

    assert cleaned(box) == box


@pytest.mark.parametrize(
    ("style", "line"), [("", ";text-decoration:underline"), (' style="text-decoration:none"', "")]
)
def test_a_link_on_a_ground_of_its_own_is_underlined_in_the_ink(style, line):
    """In the dark its own line is of a colour for dark grounds; who wants none has none."""
    kept = cleaned(f'<p style="background-color:#ffffcc"><a href="https://example.com/"{style}>x</a></p>')
    assert f'<span style="color:#1a1a1a{line}">x</span>' in kept


@given(st.integers(0, 0xFFFFFF))
def test_on_any_ground_the_ink_has_enough_contrast(ground):
    """WCAG 2.2, 1.4.3."""
    colour = f"#{ground:06x}"
    ink = cleaned(f'<p style="background-color:{colour}">x</p>').partition(";color:")[2][:7]

    assert contrast(ink, colour) >= 4.5
