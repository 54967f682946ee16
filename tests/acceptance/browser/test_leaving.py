"""A reader leaves: the link of a real message, opened in a real browser, on the real service."""

from __future__ import annotations

from itertools import count

import pytest
from browsing import overhang
from playwright.sync_api import expect

from newsletter.config import load_publication
from newsletter.messages import personal_links
from newsletter.migrations import open_database
from subscribers import Status, SubscriberStore, Tokens

NUMBERS = count(1)


@pytest.fixture(scope="module")
def store(folder):
    engine = open_database(load_publication(folder))
    yield SubscriberStore(engine)
    engine.dispose()


@pytest.fixture
def page(open_page):
    return open_page(js=False)


@pytest.fixture
def ada(store):
    """Somebody on the list."""
    return store.add(f"ada{next(NUMBERS)}@example.com", first_name="Ada")[0]


@pytest.fixture
def links(service, store, ada):
    """The links of a message to Ada, as they lead to the service that runs here."""
    return personal_links(service, Tokens(store.engine), ada.public_id, "an-issue")


@pytest.fixture
def now_known(store, ada):
    """A function that tells what is known of Ada now."""
    return lambda: store.find(ada.email)


def test_a_press_of_the_button_takes_a_reader_off_the_list(page, links, now_known):
    page.goto(links["unsubscribe"])
    assert now_known().status is Status.ACTIVE
    page.get_by_role("button", name="Unsubscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert now_known().status is Status.UNSUBSCRIBED


def test_a_reader_without_a_mouse_can_leave(page, links, now_known):
    page.goto(links["unsubscribe"])
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert now_known().status is Status.UNSUBSCRIBED


def test_a_reader_changes_their_time_zone_and_leaves_from_the_same_page(page, links, now_known):
    page.goto(links["preferences"])
    page.get_by_label("Time zone").select_option("Europe/London")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Your changes are saved.")
    assert now_known().time_zone == "Europe/London"
    page.get_by_role("button", name="Unsubscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert now_known().status is Status.UNSUBSCRIBED


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_pages_fit_every_screen(page, service, links, width):
    page.set_viewport_size({"width": width, "height": 700})
    for address in (service, f"{service}/issues/", links["unsubscribe"], links["preferences"]):
        page.goto(address)
        assert overhang(page) == 0
