"""Every built-in theme with every sample issue, against the checklist for the HTML of mails, Outlook's half included."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from mailings import ISSUES, PUBLICATION, THEMES, mailing

from newsletter.editions import compile_issue, load_theme
from newsletter.issues import load_issue

MSO = re.compile(r"<!--\[if (?!!mso)[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)
NOT_MSO = re.compile(r"<!--\[if !mso[^\]]*\]><!-->(.*?)<!--<!\[endif\]-->", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
VOID = {"area", "br", "col", "hr", "img", "link", "meta"}


class Elements(HTMLParser):
    """The elements of a document, each with its attributes, the names of those around it, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.all: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.texts: list[list[str]] = []
        self.unbalanced: list[str] = []
        self._open: list[tuple[str, int]] = []
        self.feed(html)
        self.close()
        self.unbalanced += [tag for tag, _ in self._open]

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, {name: value or "" for name, value in attrs}, tuple(t for t, _ in self._open)))
        self.texts.append([])
        if tag not in VOID:
            self._open.append((tag, len(self.all) - 1))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data):
        for _, index in self._open:
            self.texts[index].append(data)

    def named(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes, _ in self.all if tag in names]

    def text(self, index: int) -> str:
        return " ".join("".join(self.texts[index]).split())


class Mail:
    """One mailing, as Outlook on Windows reads it and as all others do."""

    def __init__(self, theme: str, issue: str) -> None:
        self.theme = load_theme(theme).settings
        self.html = mailing(theme, issue)
        self.web = Elements(COMMENT.sub("", self.html))
        self.word_html = NOT_MSO.sub("", MSO.sub(r"\1", NOT_MSO.sub("", self.html)))
        self.word = Elements(COMMENT.sub("", self.word_html))
        self.styles = re.findall(r"<style[^>]*>(.*?)</style>", self.html, re.DOTALL)
        self.metas = {meta.get("name"): meta.get("content") for meta in self.web.named("meta")}


@pytest.fixture(scope="module", params=[f"{theme}/{issue}" for theme in THEMES for issue in ISSUES])
def mail(request) -> Mail:
    return Mail(*request.param.split("/"))


class TestDocument:
    def test_it_is_html5_with_language_and_direction(self, mail):
        assert mail.html.startswith("<!doctype html>\n<html ")
        (root,) = mail.web.named("html")
        assert root["lang"] in {"en", "ar", "hi"}
        assert root["dir"] == ("rtl" if root["lang"] == "ar" else "ltr")

    def test_every_child_of_the_body_says_its_language_and_direction(self, mail):
        (root,) = mail.web.named("html")
        children = [attributes for _, attributes, around in mail.web.all if around == ("html", "body")]
        assert len(children) == 2
        for child in children:
            assert (child["lang"], child["dir"]) == (root["lang"], root["dir"])

    def test_the_wrapper_is_an_article_with_the_title_as_its_name(self, mail):
        wrapper = [a for _, a, around in mail.web.all if around == ("html", "body")][1]
        assert (wrapper["role"], wrapper["aria-roledescription"]) == ("article", "email")
        title = next(i for i, (tag, _, _) in enumerate(mail.web.all) if tag == "title")
        assert mail.web.text(title)
        assert " ".join(wrapper["aria-label"].split()) == mail.web.text(title)

    def test_mail_programs_are_told_not_to_recolour_reformat_or_link_by_themselves(self, mail):
        assert mail.metas["color-scheme"] == mail.metas["supported-color-schemes"] == "light dark"
        assert "x-apple-disable-message-reformatting" in mail.metas
        wanted = {f"{what}=no" for what in ("telephone", "date", "address", "email", "url")}
        assert wanted == set(mail.metas["format-detection"].split(", "))
        assert "color-scheme: light dark" in mail.styles[-1]

    def test_readers_may_zoom(self, mail):
        assert "width=device-width" in mail.metas["viewport"]
        assert "scalable" not in mail.metas["viewport"]
        assert "maximum-scale" not in mail.metas["viewport"]

    def test_it_is_utf8_without_characters_that_clip_a_message_in_gmail(self, mail):
        charsets = [meta.get("content", "") for meta in mail.web.named("meta")]
        assert "text/html; charset=UTF-8" in charsets
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffd]", mail.html)

    def test_nothing_runs_and_nothing_is_loaded_but_images(self, mail):
        assert not mail.web.named("script", "link", "iframe", "form", "object", "video", "base")
        assert "@import" not in mail.html
        assert all(image["src"].startswith("https://") for image in mail.web.named("img"))

    def test_no_id_occurs_twice_and_every_link_within_the_page_leads_somewhere(self, mail):
        ids = [attributes["id"] for _, attributes, _ in mail.web.all if "id" in attributes]
        assert sorted(set(ids)) == sorted(ids)
        within = {link["href"][1:] for link in mail.web.named("a") if link.get("href", "").startswith("#")}
        assert within <= set(ids)


class TestPreheader:
    def test_it_is_hidden_everywhere_and_followed_by_filler(self, mail):
        hidden = re.search(r"<body[^>]*><div [^>]*style=\"([^\"]*)\">(.*?)</div>", mail.html)
        if hidden is None or "display:none" not in hidden[1].replace(": ", ":"):
            pytest.fail("there is no preheader")
        assert "mso-hide:all" in hidden[1]
        assert len(re.sub("&[^;]+;", "x", hidden[2])) >= 200


class TestStructure:
    def test_every_table_says_whether_it_is_layout(self, mail):
        for elements in (mail.web, mail.word):
            assert all(table.get("role") in {"presentation", "table"} for table in elements.named("table"))

    def test_a_layout_table_has_no_header_cells(self, mail):
        for layout in re.findall(
            r'<table[^>]*role="presentation"[^>]*>(?:(?!<table).)*?</table>', mail.html, re.S
        ):
            assert "<th" not in layout

    def test_there_is_one_first_heading_and_no_level_is_skipped(self, mail):
        levels = [int(tag[1]) for tag, _, _ in mail.web.all if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(below - above <= 1 for above, below in pairwise(levels))

    def test_no_heading_is_empty(self, mail):
        headings = [i for i, (tag, _, _) in enumerate(mail.web.all) if re.fullmatch(r"h[1-6]", tag)]
        assert all(mail.web.text(index) for index in headings)

    def test_elements_are_closed_in_order_for_outlook_and_for_the_others(self, mail):
        for elements in (mail.web, mail.word):
            assert [tag for tag in elements.unbalanced if tag.strip("/") != "p"] == []


class TestImages:
    def test_each_has_a_text_that_is_no_file_name_and_no_essay(self, mail):
        for image in mail.web.named("img"):
            assert "alt" in image
            assert len(image["alt"]) <= 125
            assert not re.search(r"\.(png|jpe?g|gif|webp)$", image["alt"])

    def test_a_block_image_has_the_width_that_outlook_needs(self, mail):
        for _, image, around in mail.web.all:
            if image.get("class") == "image" and "display:block" in image.get("style", "").replace(" ", ""):
                assert 16 <= int(image["width"]) <= mail.theme["width"], around


class TestOutlook:
    def test_conditional_comments_are_balanced_and_not_nested(self, mail):
        marks = re.findall(r"<!--\[if|<!\[endif\]-->", mail.html)
        assert marks[::2] == ["<!--[if"] * (len(marks) // 2)
        assert marks[1::2] == ["<![endif]-->"] * (len(marks) // 2)

    def test_the_names_of_office_occur_only_where_office_reads(self, mail):
        assert not re.search(r"<[vo]:", COMMENT.sub("", NOT_MSO.sub(r"\1", mail.html)))

    def test_no_link_is_within_a_drawing(self, mail):
        assert not re.search(r"<v:(roundrect|shape|textbox)", mail.html)
        assert not re.search(r"<v:rect(?:(?!</v:rect>).)*<a\s", mail.html, re.DOTALL)

    def test_columns_are_as_wide_as_the_sheet_and_no_wider(self, mail):
        width = mail.theme["width"]
        tables = [int(t["width"]) for t in mail.word.named("table") if t.get("width", "").isdigit()]
        assert tables
        assert set(tables) == {width}
        rows = re.findall(r"<tr><td [^>]*width:(\d+(?:\.\d+)?)px", mail.word_html)
        assert all(float(cell) <= width for cell in rows)

    def test_dots_per_inch_are_fixed(self, mail):
        assert "<o:PixelsPerInch>96</o:PixelsPerInch>" in mail.html


class TestGmail:
    def test_styles_stay_below_what_it_reads(self, mail):
        assert sum(len(style.encode()) for style in mail.styles) <= 16_384

    def test_no_at_rule_is_within_another(self, mail):
        for style in mail.styles:
            depth = 0
            for mark in re.findall(r"[{}@]", style):
                assert mark != "@" or depth == 0
                depth += {"{": 1, "}": -1, "@": 0}[mark]
            assert depth == 0

    def test_the_look_does_not_depend_on_the_style_element(self, mail):
        visible = [a for tag, a, _ in mail.web.all if tag in {"h1", "h2", "blockquote", "p"}]
        assert all(attributes.get("style") for attributes in visible)


class TestLinks:
    def test_each_has_a_name(self, mail):
        for index, (tag, attributes, _) in enumerate(mail.web.all):
            if tag == "a":
                assert mail.web.text(index) or attributes.get("aria-label") or _pictured(mail.web, index)

    def test_each_is_told_from_text_by_more_than_its_colour(self, mail):
        for tag, attributes, around in mail.web.all:
            if tag == "a" and "sup" not in around:
                style = attributes["style"].replace(" ", "")
                assert re.search("text-decoration:underline|display:(inline-)?block", style)

    def test_a_button_is_a_coloured_cell_that_is_padded_in_outlook_too(self, mail):
        cells = [a for tag, a, _ in mail.web.all if tag == "td" and a.get("class") == "button"]
        for cell in cells:
            assert re.fullmatch(r"#[0-9a-f]{6}", cell["bgcolor"])
            assert "mso-padding-alt" in cell["style"]
            assert "background-color" in cell["style"]

    def test_a_button_can_be_hit_with_a_thumb(self, mail):
        parents = [None, *(attributes for _, attributes, _ in mail.web.all)]
        for (tag, attributes, _), parent in zip(mail.web.all, parents, strict=False):
            if tag == "a" and parent is not None and parent.get("class") == "button":
                padding = int(re.search(r"padding:\s*(\d+)px", attributes["style"])[1])
                line = int(re.search(r"line-height:\s*(\d+)px", attributes["style"])[1])
                assert 2 * padding + line >= 44

    def test_the_ways_out_are_in_the_footer_and_big_enough_to_hit(self, mail):
        for name in ("unsubscribe", "preferences", "issues"):
            ways = [a for a in mail.web.named("a") if f"notes.example.com/{name}/" in a.get("href", "")]
            assert any("display:inline-block" in way["style"].replace(" ", "") for way in ways)

    def test_the_footer_names_the_sender_and_the_postal_address(self, mail):
        assert f"{PUBLICATION.name}, {PUBLICATION.postal_address}" in mail.html


class TestColoursAndType:
    def test_every_inline_colour_is_one_of_the_theme(self, mail):
        body = re.sub(r"<pre.*?</pre>", "", mail.html[mail.html.index("<body") :], flags=re.DOTALL)
        used = {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", COMMENT.sub("", body))}
        assert used <= {*mail.theme["light"].values()}

    def test_every_colour_of_the_dark_is_one_of_the_theme(self, mail):
        dark = mail.styles[-1][mail.styles[-1].index("prefers-color-scheme: dark") :]
        assert set(re.findall(r"#[0-9a-fA-F]{6}\b", dark)) <= {*mail.theme["dark"].values()}

    def test_outlook_s_own_dark_mode_is_told_the_same_as_the_others(self, mail):
        style = mail.styles[-1]
        media = style[style.index("prefers-color-scheme: dark") : style.index("[data-ogs")]
        marked = style[style.index("[data-ogs") :].replace("[data-ogsc] ", "").replace("[data-ogsb] ", "")
        told = [line for line in media.splitlines() if "!important" in line and not line.startswith("body")]
        assert set(told) <= set(marked.splitlines())

    def test_no_type_is_too_small_to_read(self, mail):
        body = mail.html[mail.html.index("<body") :]
        sizes = {float(size) for size in re.findall(r"font-size:\s*(\d+(?:\.\d+)?)px", body)}
        assert min(sizes - {0.0, 1.0}) >= 12

    def test_text_is_not_justified_and_not_in_capitals_but_for_section_titles(self, mail):
        assert "justify" not in mail.html
        for tag, attributes, _ in mail.web.all:
            if "uppercase" in attributes.get("style", ""):
                assert tag == "h2"


def _pictured(elements: Elements, index: int) -> bool:
    """Whether the link at *index* holds an image with a text."""
    following = elements.all[index + 1] if index + 1 < len(elements.all) else ("", {}, ())
    return following[0] == "img" and bool(following[1].get("alt"))


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_keeps_its_look_when_its_colours_are_changed(theme):
    """No colour is written into a file of a theme: all come from its theme.toml."""
    for file, source in load_theme(theme).files.items():
        if file.endswith(".j2"):
            assert not re.search(r"(?<!&)#[0-9a-fA-F]{3,6}\b", source), file


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [480, 640])
def test_the_width_of_the_sheet_is_set_in_one_place(theme, width, tmp_path):
    (tmp_path / theme).mkdir()
    (tmp_path / theme / "theme.toml").write_text(f"width = {width}\n", encoding="utf-8")
    issue = load_issue(ISSUES["blocks"])
    html = compile_issue(issue, load_theme(theme, tmp_path), PUBLICATION).html
    assert f"max-width:{width}px" in html
    assert {int(found) for found in re.findall(r'<table[^>]* width="(\d+)"', html)} == {width}
