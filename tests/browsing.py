"""What tests look at in a browser: a publication, the command that serves it, and what may be wrong on a page."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import FrameLocator, Page

SETTINGS = """
[publication]
name = "Field Notes"
from = "Field Notes <notes@example.com>"
postal_address = "1 Example Street, Example City"
"""
#: An issue with a finding, a long subject, and something for builders only.
ISSUE = """---
title: The first swallow
date: 2026-04-11
subject: The first swallow of this year, and what it means for all the summers that are still to come
preheader: One bird, seen on the ridge.
---
Good morning, {{ subscriber.first_name | default("reader") }}. See [here](http://localhost:3000/).

## On the ridge

It came **early** this year.

{% if "builders" in subscriber.tags %}

A nest to build.

{% endif %}
""" + "\n\n".join(f"Paragraph {number} goes on about the weather." for number in range(40))
#: How long a browser may take on a busy machine, in milliseconds; what is there is never waited for.
PATIENCE = 180_000
expect.set_options(timeout=PATIENCE)
#: That a link is over, or leads nowhere, is what a page says by its status; the browser complains all the same.
_MEANT = re.compile("status of (404|410)")


def publish(folder: Path, more: str = "") -> Path:
    """Write the publication into *folder*, with *more* settings."""
    (folder / "newsletter.toml").write_text(SETTINGS + more, encoding="utf-8")
    (folder / "issues").mkdir()
    return folder


def newsletter(folder: Path, *words: object) -> str:
    """What the command prints that is run in *folder*, and must succeed."""
    done = subprocess.run(_command(folder, words), check=True, capture_output=True, text=True, timeout=600)
    return done.stdout


@contextmanager
def running(folder: Path, *words: object) -> Iterator[str]:
    """The address that the command prints, which runs as long as the context lasts."""
    with subprocess.Popen(
        _command(folder, words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rstrip("/")
        finally:
            process.terminate()
            process.wait(timeout=300)


def serving(folder: Path, port: int = 0) -> contextmanager[str]:
    """The readers' service of the publication."""
    return running(folder, "serve", "--port", port)


def previewing(folder: Path, *options: object) -> contextmanager[str]:
    """The studio of the publication."""
    return running(folder, "preview", "--no-open", "--port", 0, *options)


def _command(folder: Path, words: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "newsletter", "-C", str(folder), *map(str, words)]


def complaints_of(page: Page) -> list[str]:
    """What the browser will complain of on *page*: of scripts, policies, what cannot be loaded."""
    complaints: list[str] = []

    def hear(message) -> None:
        if message.type == "error" and not _MEANT.search(message.text):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def faults(page: Page, **options: object) -> list[tuple[str, str, str]]:
    """What axe finds on *page*: the rule, the element, and how to mend it."""
    return told(Axe().run(page, options=options or None).response["violations"])


def told(results: list[dict]) -> list[tuple[str, str, str]]:
    """What axe found, for people."""
    return [
        (found["id"], node["html"][:160], node["failureSummary"])
        for found in results
        for node in found["nodes"]
    ]


def overhang(page: Page) -> int:
    """By how many pixels *page* is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait, in frames of the screen, until something holds that no locator tells."""
    late = monotonic() + PATIENCE / 1000
    while not holds():
        assert monotonic() < late
        page.evaluate("new Promise(requestAnimationFrame)")


def frame(page: Page, name: str) -> FrameLocator:
    """The mail in a frame of the studio, once it has come."""
    return page.frame_locator(f'iframe[data-frame="{name}"]:not(.coming)')


def ready(page: Page, address: str) -> None:
    """Open a page of the studio, and wait until it would see a change."""
    page.goto(address)
    expect(page.locator("[data-pulse-text]")).to_have_text("Watching for changes")
