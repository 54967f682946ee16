"""The archive in a real browser, on the real service: found, searched without a mouse or a script, readable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe
from fakes.archived import compiled, dispatched, issue
from playwright.sync_api import expect, sync_playwright

from newsletter.config import load_publication
from newsletter.migrations import open_database

SETTINGS = """
[publication]
name = "Field Notes"
from = "Field Notes <notes@example.com>"
postal_address = "1 Example Street, Example City"
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
BODY = """Two gauges moved, one town changed its rules.

## What was measured

### The upper gauge moved by a hand

The keeper wrote down 41 cm, nine more than in the year before.
"""
ISSUES = [
    issue("swallow", "The first swallow came early this year, and stayed.", title="The first swallow",
          more="preheader: It came early, and it stayed. What that says of the year.\n"),
    issue("zhoubao", "本周人工智能新闻：新的模型发布了，研究人员很高兴。", title="人工智能周报", date="2026-04-04",
          more="language: zh\npreheader: 新的模型发布了\n"),
    issue("akhbar", "ذهب الأطفال إلى المدرسة في الصباح الباكر.", title="أخبار اليوم", date="2026-03-28",
          more="language: ar\npreheader: ذهب الأطفال إلى المدرسة\n"),
    *(issue(f"notes-{n}", BODY, title=f"Notes from the river, number {n}", date=f"2026-02-{n:02}",
            more="preheader: Two gauges moved, one town changed its rules, and a tool came out.\n")
      for n in range(1, 22)),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive")
    (path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (path / "issues").mkdir()
    publication = load_publication(path)
    engine = open_database(publication)
    for text in ISSUES:
        dispatched(engine, compiled(publication, text))
    engine.dispose()
    return path


@pytest.fixture(scope="module")
def service(folder):
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """A function that opens a page as a reader has it."""
    contexts = []

    def opened(width=390, scheme="light", *, script=False):
        size = {"width": width, "height": 800}
        context = browser.new_context(java_script_enabled=script, viewport=size, color_scheme=scheme)
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def test_an_issue_is_found_with_the_keyboard_alone_and_without_a_script(open_page, service):
    page = open_page()
    page.goto(f"{service}/issues/")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.get_by_label("Search all issues").evaluate("box => box === document.activeElement"):
            break
    page.keyboard.type("swallow early")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_have_text("1 issue has swallow early in it.")
    expect(page.locator("mark")).to_have_text(["swallow", "early"])
    expect(page.get_by_label("Search all issues")).to_have_value("swallow early")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.pathname || ''").startswith("/issues/swallow"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("The first swallow came early this year, and stayed.").first).to_be_visible()


@pytest.mark.parametrize(("query", "title"), [("模型", "人工智能周报"), ("مدرسه", "أخبار اليوم")])
def test_other_scripts_are_found_and_run_their_own_way(open_page, service, query, title):
    page = open_page()
    page.goto(f"{service}/issues/")
    page.get_by_role("searchbox").fill(query)
    page.get_by_role("button", name="Search").click()

    expect(page.locator(".headline")).to_have_text(title)
    assert page.locator(".issues li").get_attribute("dir") == ("rtl" if title == "أخبار اليوم" else "ltr")


def test_older_issues_are_on_further_pages(open_page, service):
    page = open_page()
    page.goto(f"{service}/issues/")
    page.get_by_role("link", name="Older issues").click()
    expect(page.locator(".issues li")).to_have_count(len(ISSUES) - 20)
    page.get_by_role("link", name="Newer issues").click()
    expect(page.locator(".issues li")).to_have_count(20)


PATHS = ["/", "/issues/", "/issues/?page=2", "/issues/?q=river", "/issues/?q=nothing", "/issues/?q=مدرسه"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_page_fits_and_axe_finds_nothing(open_page, service, width, scheme):
    """On a phone and a desktop, light and dark; and the browser has nothing to complain of."""
    page, complaints = open_page(width, scheme, script=True), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for number, path in enumerate(PATHS):
        page.goto(service + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], path
        if kept := os.environ.get("KEEP_PICTURES"):
            page.screenshot(path=f"{kept}/archive-{number}-{width}-{scheme}.png", full_page=True)

    assert complaints == []


def test_the_address_of_an_issue_is_readable_without_a_script_on_a_phone(open_page, service):
    page = open_page(320)
    page.goto(f"{service}/issues/swallow")

    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.get_by_role("heading", level=1)).to_have_text("The first swallow")
