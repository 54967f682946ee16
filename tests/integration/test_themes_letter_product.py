"""What `letter` and `product` make of an issue that `digest` does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mailings import PUBLICATION

from newsletter.editions import compile_issue, eject_theme, load_theme
from newsletter.issues import parse_issue


def compiled(theme: str, body: str, front: str = "", themes: Path | None = None) -> str:
    issue = parse_issue(f"---\ntitle: A title\n{front}---\n\n{body}\n", Path("issues/x.md"), "x")
    return compile_issue(issue, load_theme(theme, themes), PUBLICATION).html


def cards(count: int, words: str) -> str:
    return "## Section\n\n" + "\n\n".join(f"### Card {number}\n\n{words}" for number in range(count))


def columns(html: str) -> list[str]:
    """The widths of the columns that hold cards or stories, in the words of MJML's classes."""
    return re.findall(r'mj-outlook-group-fix mj-column-per-([\d-]+)"', html)


@pytest.mark.parametrize("theme", ["digest", "letter", "product"])
def test_an_arabic_heading_in_an_english_issue_has_no_space_between_its_letters(theme):
    """Joined letters would be torn apart; other headings keep what the theme gives them."""
    html = compiled(theme, "## القسم العربي\n\nText.\n\n### عنوان القصة\n\nText.\n\n## English\n\nText.")
    tags = re.findall(r"<h[23][^>]*>", html)
    spacing = [re.findall(r"letter-spacing: ?([^;\"]+)", tag) for tag in tags]
    assert spacing[:2] == [["normal"], ["normal"]]
    assert spacing[-1] != ["normal"]


class TestLetter:
    """One person writes."""

    def test_the_authors_sign_it(self):
        html = compiled("letter", "Dear all.", "authors: [Ada, Grace]\n")
        assert re.search(r'<p class="signed"[^>]*>Ada, Grace</p>', html)
        assert "By Ada" not in html

    def test_without_authors_the_publication_signs_it(self):
        assert re.search(r'<p class="signed"[^>]*>Field Notes</p>', compiled("letter", "Dear all."))

    def test_closing_role_and_portrait_come_from_its_settings(self, tmp_path):
        (tmp_path / "letter").mkdir()
        (tmp_path / "letter" / "theme.toml").write_text(
            '[signature]\nclosing = "Until May,"\nrole = "Editor"\nportrait = "https://example.com/a.png"\n',
            encoding="utf-8",
        )
        html = compiled("letter", "Dear all.", themes=tmp_path)
        assert re.search(r"Until May,</p>.*a\.png.*Field Notes</p>.*Editor</p>", html, re.DOTALL)
        assert '<img src="https://example.com/a.png" alt="" width="64"' in html

    def test_a_single_author_may_bring_portrait_address_and_role(self):
        author = (
            "{name: Ada, url: 'https://ada.example.com', image: 'https://example.com/a.png', about: Keeper}"
        )
        html = compiled("letter", "Dear all.", f"authors: [{author}]\n")
        assert re.search(
            r'a\.png.*href="https://ada\.example\.com"[^>]*>Ada</a>.*>Keeper</p>', html, re.DOTALL
        )
        assert html.count("Keeper") == 1

    def test_the_signature_is_above_the_sources(self):
        html = compiled("letter", "Text [1].\n\n## Sources\n\n1. A book")
        assert html.index('class="signed"') < html.index('id="sources"')


class TestHero:
    """The lead of `product` is its offer."""

    LEAD = "![A lamp](lamp.png)\n\nIt shines.\n\n[Get it](https://example.com/get){.button}\n\n"

    def test_it_holds_picture_heading_words_and_button_in_this_order(self):
        html = compiled("product", self.LEAD)
        hero = html[html.index('class="hero"') :]
        order = [
            hero.index(part) for part in ('alt="A lamp"', "<h1", "It shines.", "https://example.com/get")
        ]
        assert order == sorted(order)

    def test_the_call_to_action_comes_again_where_the_text_ends(self):
        assert compiled("product", self.LEAD).count('href="https://example.com/get"') == 1
        assert (
            compiled("product", self.LEAD + "## More\n\nText.").count('href="https://example.com/get"') == 2
        )

    def test_what_follows_the_button_is_below_the_hero(self):
        html = compiled("product", self.LEAD + "After the button.")
        assert (
            html.index("https://example.com/get")
            < html.index('class="sheet')
            < html.index("After the button.")
        )

    def test_a_lead_of_other_blocks_is_below_the_hero_and_complete(self):
        html = compiled("product", "- one\n- two\n\nThen a paragraph.")
        body = html[html.index("</h1>") :]
        order = [body.index(part) for part in ('class="sheet', ">one<", "Then a paragraph.")]
        assert order == sorted(order)

    def test_without_a_lead_there_is_still_the_heading(self):
        assert compiled("product", "").count("<h1") == 1


class TestCards:
    """Short stories of `product` stand side by side."""

    @pytest.mark.parametrize(
        ("count", "words", "rows"),
        [
            (3, "Short.", ["33-333332"] * 3),
            (6, "Short.", ["33-333332"] * 6),
            (2, "Short.", ["50"] * 2),
            (4, "Short.", ["50"] * 4),
            (3, "x" * 200, ["50", "50", "100"]),
            (2, "x" * 300, ["100"] * 2),
            (1, "Short.", ["100"]),
            (2, "- a list", ["100"] * 2),
        ],
    )
    def test_as_many_in_a_row_as_their_texts_allow(self, count, words, rows):
        found = columns(compiled("product", cards(count, words)))
        around = columns(compiled("product", "## Section"))
        assert sorted(found) == sorted([*around, *rows])

    def test_a_picture_is_as_wide_as_its_card(self):
        html = compiled("product", cards(2, "![A lamp](https://example.com/lamp.png)\n\nShort."))
        widths = re.findall(r'<img class="image"[^>]* width="(\d+)"', html)
        assert widths == ["254", "254"]


class TestOwnFiles:
    """A publication changes a theme file by file."""

    def test_one_file_replaces_one_file(self, tmp_path):
        (tmp_path / "letter").mkdir()
        (tmp_path / "letter" / "signature.mjml.j2").write_text(
            "<mj-text><p>Yours, {{ publication.name }}</p></mj-text>", encoding="utf-8"
        )
        html = compiled("letter", "Dear all.", themes=tmp_path)
        assert "Yours, Field Notes" in html
        assert 'class="signed"' not in html

    @pytest.mark.parametrize("theme", ["digest", "letter", "product"])
    def test_an_ejected_theme_makes_the_same_bytes(self, theme, tmp_path):
        eject_theme(load_theme(theme), tmp_path / "mine")
        body = TestHero.LEAD + cards(3, "Short.")
        assert compiled("mine", body, themes=tmp_path) == compiled(theme, body)

    def test_a_theme_of_ones_own_needs_one_file(self, tmp_path):
        (tmp_path / "plain").mkdir()
        (tmp_path / "plain" / "issue.mjml.j2").write_text(
            '<mjml lang="{{ issue.language }}" dir="{{ issue.direction }}">{% include "head.mjml.j2" %}<mj-body>'
            "<mj-section><mj-column><mj-text><h1>{{ issue.title }}</h1>{{ blocks(document.lead, under=1) }}"
            '</mj-text></mj-column></mj-section>{% include "footer.mjml.j2" %}</mj-body></mjml>',
            encoding="utf-8",
        )
        html = compiled("plain", "Hello, **you**.", themes=tmp_path)
        assert "<strong>you</strong>" in html
        assert "Unsubscribe" in html
