"""Static CSS becomes style attributes, by the rules of the cascade."""

from __future__ import annotations

from newsletter.editions.inlining import inline


def inlined(element: str, css: str) -> str:
    html = inline(f"<!doctype html><html><head></head><body>{element}</body></html>", css)
    return html[html.index("<body>") + 6 : html.index("</body>")]


def test_the_style_of_an_element_wins_over_a_rule():
    assert inlined('<p style="color:red">x</p>', "p { color: blue }") == '<p style="color:red">x</p>'


def test_what_is_important_in_a_rule_wins_over_the_style_of_an_element_and_is_ordinary_then():
    assert inlined('<p style="color:red; margin:0">x</p>', "p { color: blue !important; top: 1px }") == (
        '<p style="top:1px; margin:0; color:blue">x</p>'
    )


def test_quotes_and_semicolons_within_values_survive():
    element = "<p style='background:url(data:image/png;base64,AA==); font-family:\"A B\"'>x</p>"
    style = inlined(element, "p { color: blue ! important }")
    assert "url(&quot;data:image/png;base64,AA==&quot;)" in style
    assert "font-family:&quot;A B&quot;" in style
    assert style.endswith('color:blue">x</p>')
