"""A real browser, and the real command that serves what it looks at.

A module says by ``SETTINGS`` what its publication has beside the usual ones, and by ``ISSUE`` what the
issues of its tests say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from browsing import ISSUE, PATIENCE, complaints_of, newsletter, previewing, publish, serving
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    # What links lead to has a name of its own, and is served by the one service that runs here.
    "--host-resolver-rules=MAP there.example 127.0.0.1",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """The browser, started once for a module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE)
        new_page, new_context = browser.new_page, browser.new_context
        browser.new_page = lambda **options: patient(new_page(**options))
        browser.new_context = lambda **options: patient(new_context(**options))
        yield browser
        browser.close()


def patient(opened: Page | BrowserContext) -> Page | BrowserContext:
    """A page or a context in which pages and clicks are waited for as long as anything else."""
    opened.set_default_timeout(PATIENCE)
    return opened


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a reader's window, by default a phone's; none may raise a complaint."""
    contexts, complaints = [], []

    def opened(width: int = 390, scheme: str = "light", *, js: bool = True, language: str = "en") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=js,
            locale=language,
        )
        contexts.append(context)
        page = context.new_page()
        complaints.append(complaints_of(page))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [found for found in complaints if found] == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window on a desk."""
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        yield page


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publication of the module."""
    return publish(tmp_path_factory.mktemp("publication"), getattr(request.module, "SETTINGS", ""))


@pytest.fixture(scope="module")
def sent(folder: Path) -> None:
    """The publication has an older issue, and one that was sent to three people."""
    older, sent = ISSUE.replace("2026-04-11", "2026-03-01"), ISSUE.replace("localhost:3000", "there.example")
    for name, text in {
        "issues/older.md": older,
        "issues/sent.md": sent,
        "people.csv": "email,first_name,tags\nada@example.com,Ada,builders\nbob@example.org,Bob,\ncho@example.net,,\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    newsletter(folder, "subscribers", "import", folder / "people.csv", "--consent", "test")
    newsletter(folder, "send", "sent", "--all", "--yes")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    """The address of the readers' service."""
    with serving(folder) as url:
        yield url


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[str]:
    """The address of the studio."""
    with previewing(folder) as url:
        yield url


@pytest.fixture
def issue(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The file of an issue that belongs to one test."""
    path = folder / "issues" / f"{re.sub(r'[^a-z0-9]+', '-', request.node.name)}.md"
    path.write_text(request.module.ISSUE, encoding="utf-8")
    yield path
    path.with_name(path.stem + ".review.jsonl").unlink(missing_ok=True)
    path.unlink()


@pytest.fixture
def address(studio: str, issue: Path) -> str:
    """The page of that issue in the studio."""
    return f"{studio}/issues/{issue.stem}"
