"""Which features a mail uses and who supports them; among the cases are those that other checkers get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.checks.clients import baseline
from newsletter.checks.features import features_used
from newsletter.checks.stylesheets import read_css, read_style
from newsletter.checks.support import chosen, client_name, data_date, features, known_clients, latest
from newsletter.editions import read_elements
from tests.baseline import baseline as written_baseline


def used(html: str) -> set[str]:
    """The features that *html* uses."""
    return {use.slug for use in features_used(html, read_elements(html))}


class TestData:
    def test_it_has_its_date_and_its_licence(self):
        folder = Path(__file__).parents[2] / "newsletter" / "checks" / "data"
        assert data_date() >= "2026-06-29"
        assert "Rémi Parmentier" in (folder / "LICENSE-caniemail").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("versions", "expected"),
        [
            (("6.1", "12.2"), "12.2"),  # by letters, 6.1 would be later
            (("12.2", "6.1"), "12.2"),  # by the order of the file, too
            (("5.0.10.2", "6.1.90.16", "6.0"), "6.1.90.16"),
            (("2003", "2007", "2019"), "2019"),
            (("2019-08", "2023-12", "2021-03"), "2023-12"),
            (("16.80", "2019-08"), "2019-08"),  # tests named by a month are the newer ones
        ],
    )
    def test_the_latest_version_is_that_with_the_largest_numbers(self, versions, expected):
        assert latest(dict.fromkeys(versions, "y")) == expected

    @pytest.mark.parametrize(
        ("slug", "client", "status"),
        [
            ("css-max-width", "apple-mail.ios", "y"),  # npm's checker takes 6.1, which supported it in part
            ("css-at-media", "outlook.windows", "n"),
            ("css-at-media", "gmail.ios", "a"),
            ("image-svg", "gmail.desktop-webmail", "n"),
        ],
    )
    def test_verdicts_are_those_of_the_latest_version(self, slug, client, status):
        assert features()[slug].verdicts[client].status == status

    def test_every_mail_program_can_be_asked_for_everything(self):
        """Not all of them were tested for every feature; asking is no error."""
        assert all(feature.with_status("n", ("*",)) is not None for feature in features().values())
        assert "Outlook (Windows)" in {client_name(key) for key in known_clients()}

    def test_mail_programs_of_the_past_count_only_if_they_are_named(self):
        assert not chosen("gmail.mobile-webmail", ("gmail.*",))
        assert chosen("gmail.mobile-webmail", ("gmail.mobile-webmail",))


class TestFeatures:
    @pytest.mark.parametrize(
        ("css", "slugs"),
        [
            ("@media only screen{.a{display:grid}}", {"css-at-media", "css-display-grid"}),
            ("@media (prefers-color-scheme:dark){a{color:red}}", {"css-at-media-prefers-color-scheme"}),
            ("@supports (display:grid){@media print{a{gap:1px}}}", {"css-at-supports", "css-gap"}),
            ("@font-face{font-family:A}", {"css-at-font-face"}),
            ('@import url("a.css");', {"css-at-import"}),
            (".a{color:var(--x)}", {"css-variables"}),
            (":root{--x:1px}", {"css-variables"}),
            (".a{.b{color:red}}", {"css-nesting"}),
            ("a:hover,a::before{color:red}", {"css-pseudo-class-hover", "css-pseudo-element-before"}),
            ("a:first-child{color:red}", {"css-pseudo-class-first-child"}),
            (".a.b>c+d~e *{color:red}", {"css-selector-chaining", "css-selector-universal"}),
            ("a{width:calc(1rem + 2vw)}", {"css-unit-calc", "css-unit-rem", "css-unit-vw"}),
            ("a{background:linear-gradient(red,blue)}", {"css-linear-gradient", "css-background"}),
            ("a{margin-inline-start:1px}", {"css-margin-inline-start-end"}),
            ("a{border-start-start-radius:1px}", {"css-border-radius-logical"}),
            ("/* a */", {"css-comments"}),
            ('a{content:"}{display:grid"}b{gap:0}', {"css-gap"}),
        ],
    )
    def test_css_is_read_at_every_depth(self, css, slugs):
        assert slugs <= used(f"<html><head><style>{css}</style></head></html>")

    @pytest.mark.parametrize("css", ['a{content:"display:grid"}', "/* display:grid */", "a{display:gridded}"])
    def test_what_is_no_declaration_is_none(self, css):
        assert "css-display-grid" not in used(f"<style>{css}</style>")

    def test_first_child_is_no_other_pseudo_class(self):
        assert not {"css-pseudo-class-focus"} & used("<style>a:focus-visible{color:red}</style>")

    @pytest.mark.parametrize(
        ("html", "slug"),
        [
            ('<div style="display: flex">', "css-display-flex"),
            ('<img srcset="a.png 2x" src="a.png">', "html-srcset"),
            ('<a href="#part">', "html-anchor-links"),
            ('<a href="mailto:a@example.com">', "html-mailto-links"),
            ('<td bgcolor="#fff">', "css-background-color"),
            ('<img src="data:image/png;base64,AA">', "image-base64"),
            ('<img src="a.SVG?x=1">', "image-svg"),
            ('<input type="checkbox">', "html-input-checkbox"),
            ("<details>", "html-semantics"),
            ("<map name=a>", "html-image-maps"),
        ],
    )
    def test_html_is_read_by_elements_and_attributes(self, html, slug):
        assert slug in used(html)

    def test_what_only_outlook_reads_is_not_judged(self):
        assert used("<!--[if mso]><div style='display:grid'><svg></svg></div><![endif]-->") == set()

    def test_every_feature_that_is_looked_for_is_in_the_data(self):
        from newsletter.checks import features as module

        tables = (module._PROPERTIES, module._VALUES, module._SELECTORS, module._AT_RULES)
        more = (module._ELEMENTS, module._ATTRIBUTES, module._ENDINGS)
        assert {slug for table in (*tables, *more) for slug in table} <= features().keys()

    def test_the_baseline_is_what_the_built_in_themes_use(self):
        """`python -m tests.baseline` was run after the last change of a theme or of the data."""
        assert baseline() == frozenset(written_baseline().split())


class TestCss:
    @settings(deadline=None)
    @given(st.text(alphabet="{}:;()\"'/*@.a \n", max_size=60))
    def test_anything_can_be_read(self, css):
        for part in read_css(css):
            assert 0 <= part.offset <= len(css)

    @settings(deadline=None)
    @given(st.text(alphabet="<>/=\"'ab !-[]", max_size=60))
    def test_any_html_can_be_read(self, html):
        for element in read_elements(html):
            assert 0 <= element.start < element.inner <= element.end <= len(html)

    def test_a_style_gives_the_last_of_each_property(self):
        style = read_style("color:red;background:url(a;b.png);COLOR: blue !important")
        assert style == {"color": "blue", "background": "url(a;b.png)"}
