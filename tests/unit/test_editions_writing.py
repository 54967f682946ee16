"""Each thing that an editor can write, as HTML before inlining and as plain text, against recorded files."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as XML

import pytest

from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, compile_mjml, load_theme
from newsletter.editions.plaintext import TextFrame, render_text
from newsletter.issues import parse_document, parse_issue

GOLDEN = Path(__file__).parent.parent / "golden" / "writing"
PUBLICATION = PublicationSettings(
    name="The Coast Letter", sender="Coast <coast@example.com>", url="https://news.example.com"
)
#: The blocks of an issue and nothing around them.
BODY = """{{ blocks(document.lead, under=1) }}
{% for section in document.sections %}
{% if section.title %}<h2 id="{{ section.anchor }}">{{ inline(section.title) }}</h2>
{% endif %}
{{ blocks(section.blocks, under=2) }}
{% for story in section.stories %}
<h3 id="{{ story.anchor }}">{{ inline(story.title) }}</h3>
{{ blocks(story.blocks, under=3) }}
{% endfor %}
{% endfor %}
{{ blocks(document.footnotes) }}
"""
CONSTRUCTS = sorted(path.stem for path in GOLDEN.glob("*.md"))


def read(name: str):
    source = (GOLDEN / f"{name}.md").read_text(encoding="utf-8")
    return parse_issue(f"---\ntitle: T\n---\n{source}", Path("x.md"), "x")


def html_of(name: str, theme: str = "digest") -> str:
    loaded = load_theme(theme)
    bare = replace(loaded, files={**loaded.files, "issue.mjml.j2": BODY})
    return re.sub(r"\n\s*\n+", "\n", compile_mjml(read(name), bare, PUBLICATION)).strip() + "\n"


def text_of(name: str) -> str:
    labels = load_theme("digest").settings["labels"]["en"]
    document = parse_document(read(name))
    text = render_text(document, TextFrame(lambda kind, _: f"<<{kind}>>", labels=labels))
    return text.removeprefix("T\n=\n").lstrip("\n")


def recorded(name: str, content: str) -> str:
    """Set UPDATE_GOLDEN=1 to record anew what was changed on purpose."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(content, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "wide", "focus"), [("ab", False, False), ("12,411", False, True), ("eleven-long", True, True)]
)
def test_a_table_hides_no_column_of_a_phone_that_has_room_for_it(cell, wide, focus):
    table = "\n".join([f"|{cell}" * 5 + "|", "|-" * 5 + "|", f"|{cell}" * 5 + "|"])
    bare = replace(load_theme("digest"), files={**load_theme("digest").files, "issue.mjml.j2": BODY})
    html = compile_mjml(parse_issue(f"---\ntitle: T\n---\n{table}\n", Path("x.md"), "x"), bare, PUBLICATION)

    assert ('class="data wide"' in html, 'tabindex="0"' in html) == (wide, focus)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_the_html_is_as_recorded(name):
    html = html_of(name)
    assert html == recorded(f"{name}.html", html)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_the_text_is_as_recorded(name):
    text = text_of(name)
    assert text == recorded(f"{name}.txt", text)


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_it_is_well_formed_and_no_id_occurs_twice_and_no_anchor_is_broken(name, theme):
    html = re.sub(r"<!--.*?-->", "", html_of(name, theme))
    root = XML.fromstring(f"<div>{html}</div>")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert sorted(ids) == sorted(set(ids))
    targets = {element.get("href") for element in root.iter("a")}
    missing = {target for target in targets if target and target.startswith("#")} - {f"#{i}" for i in ids}
    assert {target for target in missing if not target.startswith("#source-")} == set()


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
def test_a_plain_item_among_tasks_keeps_its_bullet(theme):
    issue = parse_issue("---\ntitle: T\n---\n\n- one\n- [ ] to do\n")
    html = compile_issue(issue, load_theme(theme), PUBLICATION).html
    found = re.search(r"<ul([^>]*)>\s*<li([^>]*)>one</li>\s*<li([^>]*)>", html)
    assert found is not None
    assert ["list-style-type:none" in attributes for attributes in found.groups()] == [False, False, True]


def test_author_is_another_word_for_authors_and_is_shown():
    issue = parse_issue("---\ntitle: T\nauthor: Bob\n---\n\ntext\n")
    edition = compile_issue(issue, load_theme("digest"), PUBLICATION)
    assert issue.authors == ("Bob",)
    assert "Bob" in edition.html
    assert "Bob" in edition.text


SIGNED = """---
title: T
authors:
  - name: Ben Example
    url: https://ben.example.com
    about: Ben reads gauges.
---

text
"""


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
def test_the_text_says_who_wrote_it_as_the_html_does(theme):
    edition = compile_issue(parse_issue(SIGNED), load_theme(theme), PUBLICATION)
    assert "text\n\nBen Example\nBen reads gauges.\nhttps://ben.example.com\n" in edition.text
    assert "Ben reads gauges." in edition.html


def test_the_text_of_a_letter_is_signed():
    theme = load_theme("letter")
    signature = {"closing": "Until June,", "role": "From the hill", "portrait": ""}
    theme = replace(theme, settings={**theme.settings, "signature": signature})
    edition = compile_issue(
        parse_issue("---\ntitle: T\nauthors: [Ann, Ben]\n---\n\ntext\n"), theme, PUBLICATION
    )
    assert "text\n\nUntil June,\n\nAnn, Ben\nFrom the hill\n" in edition.text
