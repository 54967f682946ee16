"""What tracking adds to a mail counts, in the checks and in the studio alike."""

from __future__ import annotations

import pytest
from webclient import WebClient

from newsletter.checks import Subject, check_pressed
from newsletter.config import load_publication
from newsletter.editions import press
from newsletter.editions.links import added_bytes
from newsletter.studio import create_studio

SETTINGS = """
[publication]
name = "N"
from = "n@example.com"
url = "https://news.example.com"
postal_address = "1 Street"
[tracking]
opens = true
clicks = true
[tracking.topics]
plain = "off"
[checks]
html_bytes = {limit}
"""
LINKS = "\n\n".join(
    f"Read [the story of number {number}](https://a.example/{number})." for number in range(200)
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "issues").mkdir()
    for name, more in (("tracked", ""), ("said-no", "tracking: off\n"), ("topical", "topic: plain\n")):
        text = f"---\ntitle: Many links\nslug: {name}\n{more}---\n\n{LINKS}\n"
        (tmp_path / "issues" / f"{name}.md").write_text(text, encoding="utf-8")
    (tmp_path / "newsletter.toml").write_text(SETTINGS.format(limit=99_500), encoding="utf-8")
    return tmp_path


def read(folder, name="tracked"):
    publication = load_publication(folder)
    pressed = press(publication, folder / "issues" / f"{name}.md")
    return publication, pressed, Subject.of(pressed, publication.settings)


def test_the_check_and_the_studio_count_what_tracking_adds(folder):
    """A limit between the bare and the tracked size is exceeded by the tracked; both say by how much."""
    publication, pressed, subject = read(folder)
    added = added_bytes(pressed.edition, "https://news.example.com", opens=True, clicks=True)
    assert subject.tracking_bytes == added > 1_000
    limit = subject.most_bytes - added // 2
    (folder / "newsletter.toml").write_text(SETTINGS.format(limit=limit), encoding="utf-8")
    publication, pressed, _ = read(folder)
    (found,) = [each for each in check_pressed(pressed, publication.settings) if each.rule == "gmail-clip"]
    page = WebClient(create_studio(publication, None)).get("/issues/tracked").text

    assert found.severity == "error"
    assert f"up to {subject.most_bytes:,} bytes, {added:,} of them for tracking" in found.message
    assert f"{added:,} of them for opens and clicks. Up to {subject.most_bytes:,}" in page
    assert "Gmail will cut this mail off" in page


@pytest.mark.parametrize("name", ["said-no", "topical"])
def test_where_nothing_is_tracked_nothing_is_added(folder, name):
    """An issue that says no, and a topic that is not tracked, weigh what they are."""
    assert read(folder, name)[2].tracking_bytes == 0
