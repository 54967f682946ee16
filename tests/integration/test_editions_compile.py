"""An Issue becomes an Edition: what is in its HTML and text, and for whom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.compiling import EVERYTHING, GOLDEN, LINKS, PUBLICATION, THEME, compiled, personal
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions import (
    Context,
    Edition,
    Evaluator,
    compile_issue,
    compile_mjml,
    render,
    split,
)
from newsletter.errors import IssueError
from newsletter.issues import load_issue, parse_document


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + " "

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.all if tag in names]


def elements(html: str) -> _Elements:
    """The elements that mail programs other than Outlook see."""
    return _Elements(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))


@pytest.fixture(scope="module", name="edition")
def _edition() -> Edition:
    return compile_issue(load_issue(EVERYTHING), THEME, PUBLICATION)


class TestSkeleton:
    """What the HTML of every edition has, whatever it says."""

    def test_it_begins_with_the_doctype_that_means_standards_mode(self, edition):
        assert edition.html.startswith("<!doctype html>\n<html ")

    def test_language_and_direction_are_on_the_root_and_on_each_child_of_the_body(self, edition):
        for place in (r"<html ", r"<body[^>]*><div ", r"</div><div aria-label"):
            assert re.search(place + r'[^>]*lang="en" dir="ltr"', edition.html)

    def test_mail_programs_are_told_not_to_recolour_reformat_or_link_by_themselves(self, edition):
        metas = {meta.get("name"): meta.get("content") for meta in elements(edition.html).named("meta")}
        assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"
        assert "x-apple-disable-message-reformatting" in metas
        assert "telephone=no" in metas["format-detection"]

    def test_nothing_is_loaded_but_images(self, edition):
        assert not elements(edition.html).named("link", "script", "iframe", "form", "object")
        assert "googleapis" not in edition.html
        assert "@import" not in edition.html

    def test_every_table_says_whether_it_is_layout(self, edition):
        tables = re.findall(r"<table[^>]*>", edition.html)
        assert all('role="' in table for table in tables)
        assert sum('role="table"' in table for table in tables) == 1

    def test_conditional_comments_are_balanced(self, edition):
        assert edition.html.count("<!--[if") == edition.html.count("<![endif]-->")

    def test_there_is_one_first_heading_and_no_level_is_skipped(self, edition):
        levels = [int(tag[1]) for tag, _ in elements(edition.html).all if re.fullmatch(r"h\d", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(below - above <= 1 for above, below in pairwise(levels))

    def test_every_image_has_an_alternative_text(self, edition):
        assert all("alt" in image for image in elements(edition.html).named("img"))

    def test_no_id_occurs_twice(self, edition):
        ids = [attributes["id"] for _, attributes in elements(edition.html).all if "id" in attributes]
        assert sorted(set(ids)) == sorted(ids)

    def test_every_link_within_the_page_leads_somewhere(self, edition):
        parsed = elements(edition.html)
        ids = {attributes.get("id") for _, attributes in parsed.all}
        targets = [link["href"] for link in parsed.named("a") if (link["href"] or "").startswith("#")]
        assert targets
        assert ids.issuperset(target.removeprefix("#") for target in targets)

    def test_styles_stay_below_what_gmail_reads(self, edition):
        styles = re.findall(r"<style[^>]*>(.*?)</style>", edition.html, re.DOTALL)
        assert sum(len(style.encode()) for style in styles) < 16_384

    def test_dark_mode_survives_inlining(self, edition):
        assert "@media (prefers-color-scheme: dark)" in edition.html
        assert f"{THEME.settings['dark']['ink']} !important" in edition.html
        assert "[data-ogsc] " in edition.html

    def test_the_footer_says_who_writes_why_and_how_to_leave(self, edition):
        html = personal(edition, city="x")
        hrefs = [link.get("href") for link in elements(html).named("a")]
        assert {*LINKS.values()} <= set(hrefs)
        assert "The Daily Tide, 1 Harbour Street, Example City" in html
        assert "because you subscribed" in html


class TestContent:
    """What the issue says is in the edition, in HTML and in text."""

    def test_the_preheader_is_followed_by_nothing_visible(self, edition):
        hidden = re.search(r"<body[^>]*><div [^>]*display:none[^>]*>(.*?)</div>", edition.html)[1]
        assert hidden.startswith("Good morning ")
        assert hidden.count("&#847;&zwnj;&nbsp;") * 3 >= 100

    def test_without_a_preheader_the_first_sentence_is_one(self, edition):
        values = Evaluator(edition).values(
            {"first_name": "Ann", "email": "a@example.com", "city": "x"}, LINKS
        )
        text = render(split(edition.preheader, edition), values)
        assert text == "Good morning Ann, the tide turns at noon."

    def test_code_keeps_its_braces(self, edition):
        for part in ("html", "text"):
            result = personal(edition, part)
            assert "{{ subscriber.x }}" in result
            assert "subscriber.secret }}" in result

    def test_characters_that_mjml_corrupts_arrive_whole(self, edition):
        assert "👩‍💻 ❤️" in edition.html
        assert "\\u{" not in edition.html

    def test_an_image_beside_the_issue_gets_an_address_of_the_publication(self, edition):
        assert elements(edition.html).named("img")[0]["src"] == "https://news.example.com/chart.png"

    def test_tags_of_the_issue_and_publication_are_resolved_once_and_for_all(self, edition):
        assert "Boats leave earlier for Port &amp; Co\xa0<sup" in edition.html
        assert "Boats leave earlier for Port & Co" in " ".join(edition.text.split())
        assert edition.subject.startswith("Port & Co: for LP")

    def test_a_value_is_escaped_where_it_stands(self, edition):
        html = personal(edition, first_name="<b>&", email="a&b@example.com", city="x")
        assert "Good morning &lt;b&gt;&amp;, the" in html
        assert "?m=a%26b%40example.com&amp;d=1" in html
        assert "for &lt;b&gt;&amp;</h1>" in html
        assert personal(edition, "subject", first_name="<b>&") == "Port & Co: for <b>&"

    @pytest.mark.parametrize("part", ["html", "text"])
    def test_each_reader_gets_one_branch_of_a_conditional(self, edition, part):
        branches = {"channel is open, Kiel": {"tags": ["pilot"], "city": "Kiel"}}
        branches |= {"Nur auf Deutsch": {"locale": "de"}, "Everybody else waits": {}}
        for present, fields in branches.items():
            result = personal(edition, part, **fields)
            assert [text for text in branches if text in result] == [present]
            assert "LP" + edition.nonce not in result

    def test_every_slot_occurs_and_every_token_is_a_slot(self, edition):
        everything = edition.subject + edition.preheader + edition.title + edition.html + edition.text
        tokens = set(re.findall(rf"LP{edition.nonce}[a-z]\d+z", everything))
        assert tokens == {slot.token for slot in edition.slots}

    def test_html_and_text_say_the_same_words(self, edition):
        fields = {"first_name": "Ann", "city": "x"}
        shown = _Elements(
            re.sub(r"<(style|title)[^>]*>.*?</\1>|<!--.*?-->", "", personal(edition, **fields), flags=re.S)
        )
        words = set(re.findall(r"\w{4,}", shown.text.lower()))
        text = set(re.findall(r"\w{4,}", personal(edition, "text", **fields).lower()))
        assert words - text <= {"read", "online"}

    def test_the_mjml_is_as_recorded(self):
        """Set UPDATE_GOLDEN=1 to record it again after the theme was changed on purpose."""
        mjml = compile_mjml(load_issue(EVERYTHING), THEME, PUBLICATION)
        recorded = GOLDEN / "everything.mjml"
        if os.environ.get("UPDATE_GOLDEN"):
            recorded.write_text(mjml, encoding="utf-8")
        assert mjml == recorded.read_text(encoding="utf-8")


class TestSameBytes:
    """Compiling is pure."""

    def test_the_same_issue_gives_the_same_digest_in_every_process(self, edition):
        program = (
            "import sys\n"
            "sys.path.insert(0, sys.argv[1])\n"
            "from fakes.compiling import EVERYTHING, PUBLICATION, THEME\n"
            "from newsletter.editions import compile_issue\n"
            "from newsletter.issues import load_issue\n"
            "print(compile_issue(load_issue(EVERYTHING), THEME, PUBLICATION).digest)\n"
        )
        for seed in ("0", "1", "4242"):
            run = subprocess.run(
                [sys.executable, "-c", program, str(Path(__file__).parents[1])],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            )
            assert run.stdout.strip() == edition.digest

    def test_an_edition_written_to_json_is_the_same_edition_again(self, edition):
        assert Edition.from_json(edition.to_json()) == edition

    def test_any_change_of_content_changes_the_digest(self, edition):
        assert replace(edition, subject="other").digest != edition.digest


class TestLanguages:
    """An issue has a language and a direction."""

    def test_what_was_read_already_is_not_read_again(self, edition):
        issue = load_issue(EVERYTHING)
        document = parse_document(issue)
        assert compile_issue(issue, THEME, PUBLICATION, document=document) == edition
        told = compile_issue(issue, THEME, PUBLICATION, document=replace(document, title="Another title"))
        assert told.title == "Another title"

    def test_labels_and_date_follow_the_language(self):
        edition = compiled("Text.", "language: de\ndate: 2026-04-11")
        assert "Samstag, 11. April 2026" in edition.html
        assert "Abmelden" in edition.html
        assert "Abmelden: " in edition.text

    def test_an_arabic_issue_runs_from_right_to_left(self):
        edition = compiled("مرحبا بالعالم.\n\n**لماذا يهم:** نص.", "language: ar")
        assert (edition.language, edition.direction) == ("ar", "rtl")
        assert 'lang="ar" dir="rtl"' in edition.html
        assert "direction:ltr" not in edition.html
        assert "border-right:3px" in edition.html
        assert "text-align:right" in edition.html

    def test_the_front_matter_decides_the_direction(self):
        assert compiled("x", "dir: rtl").direction == "rtl"


class TestHeadings:
    """Whatever headings an issue has, the outline has no holes."""

    @pytest.mark.parametrize(
        "body",
        [
            "### Story first",
            "##### Fifth first",
            "a\n\n#### Fourth\n\n## Second\n\n###### Sixth",
            "## A\n\n##### B",
        ],
    )
    def test_no_level_is_skipped(self, body):
        html = compiled(body).html
        levels = [int(tag[1]) for tag, _ in elements(html).all if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert all(below - above <= 1 for above, below in pairwise(levels))


def test_an_issue_with_nothing_but_a_title_compiles():
    edition = compiled("")
    assert "<h1" in edition.html
    assert edition.preheader == ""


def test_a_theme_can_make_slots_of_its_own():
    file = "footer.mjml.j2"
    greeting = '<p>For {{ merge("subscriber.first_name | default(publication.name)") }}</p><p>{{ labels.why'
    theme = replace(
        THEME, files={**THEME.files, file: THEME.files[file].replace("<p>{{ labels.why", greeting)}
    )
    edition = compile_issue(load_issue(EVERYTHING), theme, PUBLICATION)
    assert "<p" in personal(edition, city="x")
    assert "For Ann<" in personal(edition, city="x", first_name="Ann")
    assert "For The Daily Tide<" in personal(edition, city="x")


MARKS = [
    "# ",
    "## ",
    "### ",
    "> ",
    "- ",
    "1. ",
    "\n\n",
    "\n",
    "**",
    "*",
    "`",
    "```\n",
    "[a](",
    ")",
    "<b>",
    "<!--[if mso]>",
]
MARKS += [
    "{{ subscriber.name }}",
    "{% if subscriber.tags %}\n",
    "{% endif %}\n",
    "|",
    "&",
    "![",
    "\u200d",
    "\x00",
    "[1]",
]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=4), max_size=25))
@settings(max_examples=60, deadline=None)
def test_any_body_compiles_or_is_refused_with_a_reason(parts):
    try:
        edition = compiled("".join(parts))
    except IssueError:
        return
    values = Evaluator(edition).values({}, LINKS, missing="")
    html = render(split(edition.html, edition, Context.HTML), values)
    assert not elements(html).named("script", "iframe")
    assert "LP" + edition.nonce not in html
