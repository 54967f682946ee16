"""A reader leaves: the link of a real message, opened in a real browser, on the real service."""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import expect, sync_playwright

from newsletter.config import load_publication
from newsletter.messages import personal_links
from newsletter.migrations import open_database
from subscribers import Status, SubscriberStore, Tokens

SETTINGS = """
[publication]
name = "Field Notes"
from = "Field Notes <notes@example.com>"
postal_address = "1 Example Street, Example City"
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    return tmp_path


@pytest.fixture
def service(folder):
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def store(service, folder):
    engine = open_database(load_publication(folder))
    yield SubscriberStore(engine)
    engine.dispose()


@pytest.fixture
def page(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
        yield context.new_page()
        browser.close()


@pytest.fixture
def links(service, store):
    """The links of a message to Ada, as they lead to the service that runs here."""
    ada, _ = store.add("ada@example.com", first_name="Ada")
    return personal_links(service, Tokens(store.engine), ada.public_id, "an-issue")


def status(store):
    return store.find("ada@example.com").status


def test_a_press_of_the_button_takes_a_reader_off_the_list(page, links, store):
    page.goto(links["unsubscribe"])
    assert status(store) is Status.ACTIVE
    page.get_by_role("button", name="Unsubscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert status(store) is Status.UNSUBSCRIBED


def test_a_reader_without_a_mouse_can_leave(page, links, store):
    page.goto(links["unsubscribe"])
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert status(store) is Status.UNSUBSCRIBED


def test_a_reader_changes_their_time_zone_and_leaves_from_the_same_page(page, links, store):
    page.goto(links["preferences"])
    page.get_by_label("Time zone").select_option("Europe/London")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Your changes are saved.")
    assert store.find("ada@example.com").time_zone == "Europe/London"
    page.get_by_role("button", name="Unsubscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert status(store) is Status.UNSUBSCRIBED


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_pages_fit_every_screen_and_raise_no_complaint(page, service, links, width):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.set_viewport_size({"width": width, "height": 700})
    for address in (service, f"{service}/issues/", links["unsubscribe"], links["preferences"]):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    assert complaints == []
