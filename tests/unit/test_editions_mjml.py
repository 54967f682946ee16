"""The door to MJML: what MRML would corrupt, drop or die of is mended or refused first."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions import mjml as door
from newsletter.editions.mjml import MjmlError, normalised
from newsletter.editions.scanning import cleaned
from newsletter.errors import ThemeError


def document(text: str = "x", *, head: str = "", attributes: str = "") -> str:
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>\n"
        f"<mj-text {attributes}>{text}</mj-text>\n</mj-column></mj-section></mj-body></mjml>"
    )


def to_html(mjml: str) -> str:
    return door.to_html(mjml).document


def refused(mjml: str) -> ThemeError:
    with pytest.raises(ThemeError) as raised:
        to_html(mjml)
    return raised.value


def test_nothing_is_linked_or_fetched():
    html = to_html(document())
    assert "fonts.googleapis.com" not in html
    assert "<link" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    "value",
    [
        "👩‍💻",
        "❤️",
        "a\u00a0b",
        "e\u0301",
        "สวัสดี",
        "नमस्ते",
        "مَرحَبًا",
        "\u202fx",
        "soft\u00adhyphen",
        "back\\slash",
        "\u2028",
    ],
)
def test_no_character_of_an_attribute_is_corrupted(value):
    html = to_html(document(f'<img src="https://x.example/i.png" alt="{value}" title="{value}" />'))
    assert "\\u" not in html
    alt = re.search(r'alt="([^"]*)"', html)[1]
    assert re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), alt) == value


def test_a_quote_in_an_attribute_cannot_end_it():
    html = to_html(document("""<a href='https://x.example/" onclick="alert(1)'>x</a>"""))
    assert 'href="https://x.example/&quot; onclick=&quot;alert(1)"' in html


def test_line_ends_and_tabs_in_an_attribute_become_spaces():
    html = to_html(document('<p style="\n\tcolor: red;\n">x</p>'))
    assert re.search(r'<p style="\s*color: red;\s*">', html)


def test_quotes_and_joined_emoji_in_the_title_reach_the_label_of_the_article_whole():
    html = to_html(document(head="<mj-title>Say &quot;hi&quot; 👩‍💻</mj-title>"))
    assert 'aria-label="Say &quot;hi&quot; 👩&#8205;💻"' in html


def test_a_zero_without_unit_in_a_padding_leaves_the_other_side_alone():
    image = '<mj-image src="https://x.example/i.png" alt="" padding="0 15px" />'
    html = to_html(document().replace("<mj-text ", image + "<mj-text "))
    assert 'width="570"' in html


def test_an_unknown_component_is_refused_where_it_stands():
    error = refused("<mjml><mj-body>\n  <mj-sectoin></mj-sectoin></mj-body></mjml>")
    assert error.where == "MJML:2:3"
    assert error.hint == "did you mean `mj-section`?"


@pytest.mark.parametrize(
    ("mjml", "where"),
    [
        ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", "MJML:3:1"),
        ("<mjml>\n<mj-body>\n</mj-section></mj-body></mjml>", "MJML:3:1"),
        ("<mjml><mj-body><mj-raw>\na </ b</mj-raw></mj-body></mjml>", "MJML:2:3"),
        ("<mjml><mj-body><mj-raw><p class=x></p></mj-raw></mj-body></mjml>", "MJML:1:27"),
        ("<html></html>", "MJML:1:1"),
        ("not MJML at all", "MJML:1:1"),
        ("", "MJML:1:1"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_line_and_column(mjml, where):
    assert refused(mjml).where == where


def test_entities_of_html_are_allowed():
    assert "&nbsp;&copy;" in to_html(document("&nbsp;&copy;"))


def test_bare_ampersands_are_text():
    assert 'href="https://x.example/?a=1&b=2"' in to_html(
        document('<a href="https://x.example/?a=1&b=2">&</a>')
    )


def test_conditional_comments_pass():
    raw = "<mj-raw><!--[if mso]><b>o</b><![endif]--><!--[if !mso]><!--><i>n</i><!--<![endif]--></mj-raw>"
    html = to_html(document(head=raw))
    assert "<!--[if mso]><b>o</b><![endif]-->" in html
    assert "<!--[if !mso]><!--><i>n</i><!--<![endif]-->" in html


@pytest.mark.parametrize(
    "comment",
    [
        "<!--[if",
        "<!--[if mso]",
        "<!--[if mso]x<![endif]-->",
        "<![endif]",
        "<![endif]--",
        "<!-- x",
        "<!--[if mso]>x-->",
    ],
)
def test_the_comments_that_make_mrml_panic_are_refused_before(comment, capfd):
    error = refused(document(f"<p>{comment}</p>"))
    assert error.where.startswith("MJML")
    assert capfd.readouterr().err == ""


def test_too_deep_nesting_is_refused_before_it_kills_the_process():
    assert "nested" in refused(document("<div>" * 30_000 + "</div>" * 30_000)).what
    with pytest.raises(MjmlError) as raised:
        door.to_html("<mjml><mj-body>" + "<mj-wrapper>" * 3000 + "</mj-wrapper>" * 3000, lenient=True)
    assert "nested" in raised.value.what
    hidden = f"<!--[if mso]>{'<div>' * 30_000}<![endif]-->"
    assert "nested" in refused(document(hidden)).what


def test_an_overlong_document_is_refused():
    assert "too large" in refused(document("x" * 8_000_001)).what


def test_characters_that_xml_forbids_are_left_out():
    assert "<p>ab</p>" in to_html(document("<p>a\x00\x0b\x1f\ufffe\ud800b</p>"))


def test_what_only_mrml_refuses_is_told_with_its_place():
    mjml = document('<p\ntitle="a\nb">x</p>\n<!--[if mso]></div></p><![endif]-->')
    error = refused(mjml)
    assert "does not compile" in error.what
    assert error.where == "MJML:5:1"


def test_the_first_of_two_attributes_of_one_name_counts_as_in_html():
    mjml = document(attributes='color="#111111" color="#222222"')
    assert "color:#111111" in door.to_html(mjml, lenient=True).document


def test_spaces_in_the_marks_of_conditional_comments_are_mended():
    html = to_html(document("<!--[if !mso]><!-- --><i>n</i><!-- <![endif]-->"))
    assert "<!--[if !mso]><!--><i>n</i><!--<![endif]-->" in html


def test_attributes_within_conditional_comments_are_not_corrupted_either():
    html = to_html(document("<!--[if mso]><p title='a \"b\" ❤️\n'>x</p><![endif]-->"))
    assert 'title="a &quot;b&quot; ❤&#65039; "' in html


def test_comments_are_left_out_whatever_they_say():
    assert "<p>ab</p>" in to_html(document("<p>a<!-- x -- y <p> --->b</p>"))


def test_a_picture_without_alternative_text_has_an_empty_one_for_screen_readers():
    image = '<mj-image src="https://x.example/i.png" />'
    assert 'alt=""' in to_html(document().replace("<mj-text ", image + "<mj-text "))


def test_inline_styles_are_handed_over_and_leave_the_document():
    made = door.to_html(
        document(head='<mj-style inline="inline">p { color: red }</mj-style><mj-style>a{}</mj-style>')
    )
    assert made.css == "p { color: red }\n"
    assert "color: red" not in made.document
    assert "a{}" in made.document


def test_a_lenient_compiler_does_what_it_can():
    html = door.to_html(document(attributes='colr="red" color="blue"'), lenient=True).document
    assert "color:blue" in html


def test_an_error_has_all_problems():
    with pytest.raises(MjmlError) as raised:
        door.to_html(document(attributes='colr="red" padding="3"'))
    assert [problem.what for problem in raised.value.problems] == [
        "`colr` is no attribute of <mj-text>",
        "`padding` cannot be `3`",
    ]


PARTS = [
    "<mj-text>",
    "</mj-text>",
    "<p>",
    "</p>",
    "<br/>",
    "<br>",
    "<!--[if mso]>",
    "<!--[if !mso]><!-- -->",
    "<!--<![endif]-->",
    "<![endif]-->",
    "<![endif]",
    "<!--",
    "-->",
    "<![CDATA[",
    "<?xml?>",
    "&",
    "x",
    '"',
    "<",
    "]>",
    '<a href="x" title=\'"\'>',
    "</a>",
]
JUNK = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=12).map("".join)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="<&'"), max_size=12)


@given(JUNK)
@settings(max_examples=100, deadline=None)
def test_any_input_gives_html_or_a_theme_error(junk):
    for lenient in (False, True):
        try:
            html = door.to_html(document(junk), lenient=lenient).document
        except ThemeError:
            continue
        assert "<body" in html


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_every_value_of_an_attribute_arrives_whole_but_for_white_space(value):
    html = to_html(document(f"<img src='https://x.example/i.png' alt='{value}' />"))
    alt = re.search(r'alt="([^"]*)"', html)[1]
    assert unescape(alt) == re.sub(r"[\n\r\t]", " ", cleaned(value))


@given(VALUES, st.sampled_from(["0 15px", "0px 0", "0", "10px 0 0", "1.0px", "0%", "00"]), JUNK)
@settings(max_examples=100, deadline=None)
def test_normalising_twice_changes_nothing_more(value, padding, junk):
    mjml = document(f"<p title='{value}'>{junk}</p>", head='<mj-title>a "b" 👩‍💻</mj-title>')
    mjml = mjml.replace("<mj-text ", f'<mj-text padding="{padding}" ')
    try:
        once = normalised(mjml)
    except MjmlError:
        return
    assert normalised(once) == once


def test_a_theme_that_is_too_deep_is_still_compiled_up_to_the_limit():
    depth = 90
    assert to_html(document("<div>" * depth + "</div>" * depth)).count("<div>") == depth
