"""Every built-in theme with every sample issue in a real browser: axe finds nothing, and nothing is cut off or too small."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import told
from mailings import ISSUES, PICTURES, PUBLICATION, THEMES, mailing

from newsletter.editions import compile_issue, contrast, load_theme
from newsletter.editions.colours import colour_of
from newsletter.issues import parse_issue

#: A mail is an article within the page of the mail program, whose landmarks it must not repeat.
OF_PAGES = ("landmark-one-main", "region")
OPTIONS = {
    "resultTypes": ["violations", "incomplete"],
    "rules": {rule: {"enabled": False} for rule in OF_PAGES},
}
MAILS = [(theme, issue) for theme in THEMES for issue in ISSUES]


@pytest.fixture(scope="module")
def pages(browser):
    """One page for each mode; images of the samples are shown, nothing else is loaded."""
    contexts = [browser.new_context(color_scheme=scheme) for scheme in ("light", "dark")]
    for context in contexts:
        context.route("https://**/*", _picture)
    yield {scheme: context.new_page() for scheme, context in zip(("light", "dark"), contexts, strict=True)}
    for context in contexts:
        context.close()


def _picture(route):
    path = PICTURES / route.request.url.rsplit("/", 1)[-1]
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


def opened(pages, theme, issue, scheme="light", width=600):
    page = pages[scheme]
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(mailing(theme, issue), wait_until="load")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("theme", "issue"), MAILS)
def test_axe_finds_nothing(pages, theme, issue, scheme):
    """Neither a violation nor a contrast that it cannot tell, but for raised numbers, whose lines overlap others."""
    page = opened(pages, theme, issue, scheme)

    results = Axe().run(page, options=OPTIONS).response

    assert told(results["violations"]) == []
    contrast = [found for found in results["incomplete"] if found["id"] == "color-contrast"]
    assert [doubt for doubt in told(contrast) if "<sup" not in doubt[1]] == []


@pytest.mark.parametrize("width", [320, 375, 600, 800])
@pytest.mark.parametrize(("theme", "issue"), MAILS)
def test_nothing_sticks_out_at_the_side(pages, theme, issue, width):
    page = opened(pages, theme, issue, width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("theme", "issue"), MAILS)
def test_what_stands_alone_can_be_hit_with_a_thumb(pages, theme, issue):
    """Links that are not in running text are at least 24 pixels high (WCAG 2.2, 2.5.8), buttons 44."""
    page = opened(pages, theme, issue, width=375)

    for link in page.locator(".links a").all():
        assert link.bounding_box()["height"] >= 24
    for button in page.locator(".button a").all():
        assert button.bounding_box()["height"] >= 44


@pytest.mark.parametrize("theme", THEMES)
def test_the_ways_out_stand_in_one_line_on_a_phone(pages, theme):
    """On one of 360 pixels, too, where the last of them would stand alone below."""
    page = opened(pages, theme, next(iter(ISSUES)), width=360)
    tops = {round(link.bounding_box()["y"]) for link in page.locator(".footer .links a").all()}

    assert len(tops) == 1


def test_cards_are_side_by_side_and_on_a_phone_one_below_the_other(pages):
    def places(width):
        page = opened(pages, "product", "launch", width=width)
        boxes = [card.bounding_box() for card in page.locator(".card").all()]
        return [{round(box[edge]) for box in boxes[:3]} for edge in ("x", "y")]

    columns, rows = places(600)
    assert (len(columns), len(rows)) == (3, 1)
    columns, rows = places(375)
    assert (len(columns), len(rows)) == (1, 3)


@pytest.mark.parametrize("theme", THEMES)
def test_a_box_of_the_editors_own_keeps_both_its_colours_in_the_dark(pages, theme):
    """On a light ground that stays, text that became light could not be read."""
    box = '<div title="own" style="background-color:#ffffcc; color:#222222">Own colours.</div>'
    issue = parse_issue(f"---\ntitle: T\n---\n\nLead.\n\n## Section\n\n{box}\n", slug="own")
    page = pages["dark"]
    page.set_content(compile_issue(issue, load_theme(theme), PUBLICATION).html)

    seen = page.locator("[title=own]").evaluate("box => getComputedStyle(box).color")

    assert seen == "rgb(34, 34, 34)"


#: Raw HTML with grounds of its own, and no word of the colour of its text.
GROUNDS = """
<p title="own" style="background-color:#ffffcc">Light, with a <a href="https://there.example/">link</a>.</p>

<div title="own" style="background: navy"><h2>Dark</h2><p>with a <a href="https://there.example/">link</a></p></div>

<table><tr><td title="own" bgcolor="#eeeeee"><h3>A cell</h3> of a table</td></tr></table>

Text <span title="own" style="background:yellow">marked **with** a [link](https://there.example/)</span>.

<a title="own" href="https://there.example/" style="background:#006600;color:#ffffff;padding:16px">Buy</a>
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", THEMES)
def test_text_on_a_ground_of_the_editors_own_can_be_read_by_day_and_by_night(pages, theme, scheme):
    """Links and headings, too, which themes recolour wherever they stand."""
    issue = parse_issue(f"---\ntitle: T\n---\n\nLead.\n\n## Section\n{GROUNDS}\n", slug="own")
    page = pages[scheme]
    page.set_content(compile_issue(issue, load_theme(theme), PUBLICATION).html)

    seen = page.locator("[title=own]").evaluate_all(
        """boxes => boxes.flatMap(box => {
            const ground = getComputedStyle(box).backgroundColor
            const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT)
            const found = []
            while (texts.nextNode()) {
                if (texts.currentNode.data.trim() && texts.currentNode.data.trim() !== ".")
                    found.push([getComputedStyle(texts.currentNode.parentElement).color, ground])
            }
            return found
        })"""
    )

    assert len(seen) == 12
    assert [pair for pair in seen if contrast(*map(colour_of, pair)) < 4.5] == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_dark_is_dark_and_the_light_is_light(pages, theme):
    """The colour behind the text, as the browser paints it."""

    def brightness(scheme):
        page = opened(pages, theme, "blocks", scheme)
        colour = page.locator(".sheet > table").first.evaluate(
            "node => getComputedStyle(node).backgroundColor"
        )
        return sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))

    assert brightness("light") > 700
    assert brightness("dark") < 150


@pytest.mark.parametrize("theme", THEMES)
def test_a_text_stands_where_a_picture_is_not_shown(pages, theme):
    """The alternative text is painted, in a size and colour of the theme."""
    page = opened(pages, theme, "launch")
    page.route("https://**/*", lambda route: route.abort())
    page.set_content(mailing(theme, "launch"), wait_until="load")

    for image in page.locator("img").all():
        assert image.bounding_box()["height"] >= 16
        assert float(image.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")) >= 14
        assert image.evaluate("node => getComputedStyle(node).color") != "rgb(0, 0, 0)"
    page.unroute("https://**/*")


WORDS_ON_TWO_LINES = """() => {
  const broken = [];
  for (const cell of document.querySelectorAll(".data th, .data td")) {
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      for (const word of walk.currentNode.data.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(walk.currentNode, word.index);
        range.setEnd(walk.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
        if (lines.size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""


@pytest.mark.parametrize("width", [320, 375, 600])
@pytest.mark.parametrize("theme", THEMES)
def test_only_very_long_words_of_a_table_are_broken(pages, theme, width):
    page = opened(pages, theme, "tables", width=width)

    broken = page.evaluate(WORDS_ON_TWO_LINES)

    assert [word for word in broken if len(word) <= 20] == []
    assert any(word.startswith("Donau") for word in broken)


@pytest.mark.parametrize("theme", THEMES)
def test_a_table_wider_than_the_phone_scrolls_by_key_too(pages, theme):
    page = opened(pages, theme, "tables", width=320)

    scrolling = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).map(box => box.tabIndex)"
    )

    assert scrolling
    assert set(scrolling) == {0}
