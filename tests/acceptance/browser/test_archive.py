"""The archive in a real browser, on the real service: found, searched without a mouse or a script, readable."""

from __future__ import annotations

import os

import pytest
from browsing import faults, overhang
from fakes.archived import compiled, dispatched
from fakes.archived import issue as source
from playwright.sync_api import expect

from newsletter.config import load_publication
from newsletter.migrations import open_database

BODY = """Two gauges moved, one town changed its rules.

## What was measured

### The upper gauge moved by a hand

The keeper wrote down 41 cm, nine more than in the year before.
"""
ISSUES = [
    source("swallow", "The first swallow came early this year, and stayed.", title="The first swallow",
          more="preheader: It came early, and it stayed. What that says of the year.\n"),
    source("zhoubao", "本周人工智能新闻：新的模型发布了，研究人员很高兴。", title="人工智能周报", date="2026-04-04",
          more="language: zh\npreheader: 新的模型发布了\n"),
    source("akhbar", "ذهب الأطفال إلى المدرسة في الصباح الباكر.", title="أخبار اليوم", date="2026-03-28",
          more="language: ar\npreheader: ذهب الأطفال إلى المدرسة\n"),
    *(source(f"notes-{n}", BODY, title=f"Notes from the river, number {n}", date=f"2026-02-{n:02}",
            more="preheader: Two gauges moved, one town changed its rules, and a tool came out.\n")
      for n in range(1, 22)),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(folder):
    """The publication, with issues in its archive."""
    publication = load_publication(folder)
    engine = open_database(publication)
    for text in ISSUES:
        dispatched(engine, compiled(publication, text))
    engine.dispose()
    return folder


def test_an_issue_is_found_with_the_keyboard_alone_and_without_a_script(open_page, service):
    page = open_page(js=False)
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
    page = open_page(js=False)
    page.goto(f"{service}/issues/")
    page.get_by_role("searchbox").fill(query)
    page.get_by_role("button", name="Search").click()

    expect(page.locator(".headline")).to_have_text(title)
    assert page.locator(".issues li").get_attribute("dir") == ("rtl" if title == "أخبار اليوم" else "ltr")


def test_older_issues_are_on_further_pages(open_page, service):
    page = open_page(js=False)
    page.goto(f"{service}/issues/")
    page.get_by_role("link", name="Older issues").click()
    expect(page.locator(".issues li")).to_have_count(len(ISSUES) - 20)
    page.get_by_role("link", name="Newer issues").click()
    expect(page.locator(".issues li")).to_have_count(20)


PATHS = ["/", "/issues/", "/issues/?page=2", "/issues/?q=river", "/issues/?q=nothing", "/issues/?q=مدرسه"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_page_fits_and_axe_finds_nothing(open_page, service, width, scheme):
    """On a phone and a desktop, light and dark."""
    page = open_page(width, scheme)
    for number, path in enumerate(PATHS):
        page.goto(service + path)
        assert overhang(page) == 0, path
        assert faults(page) == [], path
        if kept := os.environ.get("KEEP_PICTURES"):
            page.screenshot(path=f"{kept}/archive-{number}-{width}-{scheme}.png", full_page=True)


def test_the_address_of_an_issue_is_readable_without_a_script_on_a_phone(open_page, service):
    page = open_page(320, js=False)
    page.goto(f"{service}/issues/swallow")

    assert overhang(page) == 0
    expect(page.get_by_role("heading", level=1)).to_have_text("The first swallow")
