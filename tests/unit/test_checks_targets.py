"""Links and buttons that a thumb would miss, and those that it would not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.checks import RULES
from tests.fakes.publications import checked

LINK = '<a href="https://example.com/{0}" style="{1}">{0}</a>'
ICON = '<a href="https://example.com/{0}"><img src="https://example.com/{0}.png" alt="{0}" width="{1}" height="{1}"></a>'
TIGHT = "font-size:14px;line-height:18px"


def links(*names: str, style: str = "", between: str = " ") -> str:
    return between.join(LINK.format(name, style) for name in names)


def found(html: str, rule: str = "tap-target") -> list[str]:
    """What the rule says of *html* in the body of a mail."""
    accused = checked(replace(RULES[rule], where="html"), html)
    return [finding.message for finding in accused if finding.rule == rule]


@pytest.mark.parametrize(
    "html",
    [
        f'<p style="{TIGHT}">{links("One story", "Another story", between="<br>")}</p>',
        f'<ul style="{TIGHT}"><li>{links("One story")}</li><li>{links("Another story")}</li></ul>',
        f'<p style="{TIGHT}">{links("1", "2", "3", between=" | ")}</p>',
        f'<p style="{TIGHT}">{links(*(f"Part number {n} of this" for n in range(4)))}</p>',
        f"<td>{ICON.format('a', 16)} {ICON.format('b', 16)}</td>",
    ],
    ids=["lines", "list", "numbers", "a row that a phone breaks", "icons"],
)
def test_links_that_are_too_close_are_accused_once(html: str) -> None:
    """Of the many of one block, the first."""
    assert len(found(html)) == 1


@pytest.mark.parametrize(
    "html",
    [
        f'<p style="{TIGHT}">See {links("1", "2", between=", ")} for more.</p>',
        f'<p style="{TIGHT}">{links("One story")}</p><p style="{TIGHT}">{links("Another")}</p>',
        f'<p style="font-size:14px;line-height:2">{links("One story", "Another", between="<br>")}</p>',
        f'<p style="{TIGHT}">{links("One", "Two", style="display:inline-block;padding:4px 8px", between="<br>")}</p>',
        f'<ul style="{TIGHT}"><li style="margin:0 0 6px">{links("One story")}</li><li>{links("Another")}</li></ul>',
        f'<p style="{TIGHT}">{links("Read online", "Unsubscribe", between=" | ")}</p>',
        f"<td>{ICON.format('a', 32)} {ICON.format('b', 32)}</td>",
        f'<p style="{TIGHT}">{links("1", "2", style="margin-right:20px")}</p>',
    ],
    ids=["sentence", "paragraphs", "lines", "padding", "list", "row", "icons", "margin"],
)
def test_links_with_room_are_not(html: str) -> None:
    """A sentence is excepted by the standard, and the others have 24 pixels."""
    assert found(html) == []


@pytest.mark.parametrize(
    ("style", "height"),
    [
        ("padding:10px 20px;line-height:20px;display:inline-block", 40),
        ("padding:12px;line-height:20px", None),
    ],
)
def test_of_a_button_the_link_counts(style: str, height: int | None) -> None:
    """Where its cell is coloured, and its padding is that of the link."""
    html = f'<table role="presentation"><tr><td bgcolor="#1a4f8b">{links("Read", style=f"font-size:16px;{style}")}</td></tr></table>'
    told = found(html, "button-small")

    assert len(told) == 1
    assert height is None or f"{height} pixels of height" in told[0]
    assert found(html.replace("padding:1", "padding:2"), "button-small") == []
