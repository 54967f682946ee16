"""The page for designers names every setting, every file and everything that a theme can use."""

from __future__ import annotations

import re

import pytest
from mailings import ISSUES, PUBLICATION, ROOT, THEMES

from newsletter.editions import load_theme
from newsletter.editions.frame import frame_of
from newsletter.editions.slots import Slots
from newsletter.editions.templating import Press
from newsletter.issues import load_issue, parse_document

PAGE = (ROOT / "docs" / "themes.md").read_text(encoding="utf-8")


def test_every_setting_is_told():
    for key, value in load_theme("digest").settings.items():
        names = [f"{key}.{name}" for name in value] if key in {"fonts", "light", "signature"} else [key]
        for name in names:
            assert f"`{name}" in PAGE, name


@pytest.mark.parametrize("theme", THEMES)
def test_every_file_is_told(theme):
    for file in load_theme(theme).files:
        assert f"`{file}`" in PAGE, file


def test_everything_that_a_theme_can_use_is_told():
    issue, theme = load_issue(ISSUES["blocks"]), load_theme("digest")
    document = parse_document(issue)
    frame = frame_of(issue, document, theme, PUBLICATION)
    slots = Slots(issue, document, PUBLICATION, frame.language, None)
    press = Press(issue, document, theme, PUBLICATION, frame, slots)
    for name in press._context:
        assert re.search(rf"`{name}[`(]", PAGE), name


def test_every_block_of_the_sample_has_its_picture():
    anchors = [
        story.anchor
        for part in parse_document(load_issue(ISSUES["blocks"])).sections
        for story in part.stories
    ]
    assert len(anchors) >= 12
    for anchor in anchors:
        assert f"pictures/theme-block-{anchor}.png" in PAGE, anchor
