"""The short way, by a remembered skeleton, gives what the long way gives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from mailings import ISSUES, PUBLICATION, THEMES

from newsletter.editions import load_theme
from newsletter.editions import skeleton as short
from newsletter.editions.frame import frame_of
from newsletter.editions.inlining import inline
from newsletter.editions.mjml import MjmlError, to_html
from newsletter.editions.skeleton import inlined_html
from newsletter.editions.slots import Slots
from newsletter.editions.templating import Press
from newsletter.issues import load_issue, parse_document

CSS = "p { margin: 0 } .copy a { color: #123456 } td { top: 1px }"


def made(theme: str, path) -> tuple[str, str]:
    """The MJML and the CSS of an issue in a theme."""
    issue = load_issue(path)
    document, design = parse_document(issue), load_theme(theme)
    frame = frame_of(issue, document, design, PUBLICATION)
    slots = Slots(issue, document, PUBLICATION, frame.language, None)
    press = Press(issue, document, design, PUBLICATION, frame, slots)
    return press.mjml(), press.static_css()


def long_way(mjml: str, css: str) -> str:
    html = to_html(mjml)
    return inline(html.document, f"{css}\n{html.css}")


def seen(html: str) -> list[object]:
    """Each element with its attributes and texts, and each comment, as an HTML parser sees them."""
    tree = etree.fromstring(html, etree.HTMLParser())
    return [
        (
            str(each.tag),
            sorted((name, _plain(value)) for name, value in each.attrib.items()),
            _plain(each.text),
            _plain(each.tail),
        )
        for each in tree.iter()
    ]


def _plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", ISSUES.values(), ids=ISSUES)
def test_each_issue_in_each_theme_comes_out_the_same_and_the_short_way(theme, path, monkeypatch):
    mjml, css = made(theme, path)
    monkeypatch.setattr(short, "to_html", only_skeletons(len(mjml)))

    assert seen(inlined_html(mjml, css)) == seen(long_way(mjml, css))


def only_skeletons(size: int):
    def guarded(mjml: str):
        assert len(mjml) < size, "the document went the long way"
        return to_html(mjml)

    return guarded


def document(text: str, title: str = "T") -> str:
    return (
        f"<mjml><mj-head><mj-title>{title}</mj-title><mj-preview>{title}</mj-preview></mj-head><mj-body>"
        f'<mj-section><mj-column><mj-text css-class="copy">{text}</mj-text></mj-column></mj-section>'
        "</mj-body></mjml>"
    )


PIECES = st.sampled_from(
    [
        *("<p>", "</p>", '<p class="copy">', "<b>", "</b>", "<br />", "<br>", "a", "&amp;", "<P>", "<p/>"),
        *("<a href='x'>", "</a>", '<a href="https://x.example/?a=1&amp;b=2">', '<p title="a" title="b">'),
        *("<td>", "</td>", "<mj-text>", "</mj-text>", "LQ0z", "< ", "&nbsp;", "\n\t", "<style>p{}</style>"),
        *("<!-- c -->", "<!--", "<!--[if mso]><p><![endif]-->", "<!--[if mso]></p><![endif]-->"),
        *("<!--[if !mso]><!-->", "<!--<![endif]-->", '<!--[if mso]><i class="a"></i><![endif]-->'),
        *("\x00", "👩\u200d💻", '"', "\\", '<img src="i.png" width="10.5">'),
    ]
)


@settings(max_examples=300)
@given(
    st.lists(PIECES, max_size=9).map("".join), st.sampled_from(["T", "a & b", 'say "hi"', "", "LQ1z", "<b>"])
)
def test_any_text_gives_the_same_or_the_same_mistakes(text, title):
    mjml = document(text, title)
    try:
        expected = seen(long_way(mjml, CSS))
    except MjmlError as error:
        with pytest.raises(MjmlError) as raised:
            inlined_html(mjml, CSS)
        assert raised.value.problems == error.problems
    else:
        assert seen(inlined_html(mjml, CSS)) == expected


def test_the_texts_of_one_skeleton_do_not_get_mixed_up():
    first, second = (inlined_html(document(f"<p>{word}</p>", word), CSS) for word in ("alpha", "beta"))
    assert first.replace("alpha", "beta") == second
    assert first.count("alpha") == 4  # title, label, preheader, text


def test_the_same_input_gives_the_same_bytes_whether_remembered_or_not():
    mjml = document('<p>x</p><p class="copy"><a href="https://x.example/">y</a></p>')
    remembered = inlined_html(mjml, CSS)
    short.forget()
    assert inlined_html(mjml, CSS) == remembered
