"""Who can use the studio, and for what: by screen reader, at 200 %, from another machine; and no hostile issue."""

from __future__ import annotations

import json

import pytest
from browsing import ISSUE as ISSUE
from browsing import complaints_of, faults, frame, newsletter, overhang, previewing, ready
from playwright.sync_api import expect

TOKEN = "a-long-enough-token-of-this-test"
VIEWS = ("both", "phone", "desktop", "text", "headers", "raw", "inbox", "readers", "pair", "changes")
PLACES = ("/", *(f"/issues/sent?view={view}" for view in VIEWS), "/reports", "/reports/sent-1", "/people")
pytestmark = pytest.mark.usefixtures("sent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(browser, studio, scheme):
    """The mail in the frames has tests of its own; a mail part inverted is shown as bad as it is."""
    with browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme) as page:
        for place in (*PLACES, "/none"):
            ready(page, studio + place)
            page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
            page.evaluate("document.querySelectorAll('iframe').forEach(frame => frame.remove())")
            assert faults(page) == [], place


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_dialogs(browser, studio, scheme):
    with browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme) as page:
        for key in ("k", "?"):
            ready(page, f"{studio}/issues/sent?view=text")
            page.keyboard.press(key)
            assert faults(page) == []


@pytest.mark.parametrize("width", [1280, 640, 375])
def test_every_view_fits_every_window_also_at_200_percent(page, studio, width):
    """A window of 1,280 pixels at 200 % is one of 640 (WCAG 2.2, 1.4.10)."""
    page.set_viewport_size({"width": width, "height": 800})
    for place in PLACES:
        ready(page, studio + place)
        assert overhang(page) == 0, place


def test_on_a_phone_every_view_is_in_sight(page, address):
    page.set_viewport_size({"width": 375, "height": 800})
    ready(page, address)

    expect(page.locator('.tools a:text-is("Changes")')).to_be_in_viewport()


def test_no_page_raises_an_error_in_the_browser(page, studio):
    complaints = complaints_of(page)
    for place in PLACES:
        ready(page, studio + place)

    assert complaints == []


HOSTILE = """---
title: "<img src=x onerror='parent.owned=1;owned=1'><script>owned=1</script>"
date: 2026-04-11
subject: "\\"><svg onload=owned=1>{{ subscriber.first_name | default('<script>owned=1</script>') }}"
preheader: "</style><script>owned=1</script>"
---
<script>owned=1; parent.owned=1</script>

<a href="javascript:parent.owned=1" id="trap">press me</a>
<img src="https://x.invalid/x.png" onerror="parent.owned=1">

## </code><script>owned=1</script>

![" onerror="parent.owned=1](https://x.invalid/y.png "'><script>owned=1</script>")

{% if "<script>owned=1</script>" in subscriber.tags %}

Nobody.

{% endif %}

[here](http://localhost:3000/<script>owned=1</script>)
"""


def test_a_hostile_issue_can_do_nothing_in_any_view(browser, folder, studio):
    """Nor can what people say of it, nor its static copy."""
    path = folder / "issues" / "hostile.md"
    path.write_text(HOSTILE, encoding="utf-8")
    comment = {
        "act": "commented",
        "id": "a'><script>owned=1</script>",
        "line": 8,
        "quote": "<script>owned=1</script>",
    }
    said = comment | {
        "by": "<img src=x onerror=owned=1>",
        "at": "2026-04-11T08:00:00+00:00",
        "text": "<script>owned=1</script>",
    }
    review = path.with_name("hostile.review.jsonl")
    review.write_text(json.dumps(said) + "\n", encoding="utf-8")
    copy = folder / "copy.html"
    newsletter(folder, "build", "hostile", "--preview", str(copy))
    acted = "[window, ...[...document.querySelectorAll('iframe')].map(f => f.contentWindow)].some(w => { try { return w.owned } catch { return false } })"
    with browser.new_page() as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        for place in (
            *(f"/issues/hostile?view={view}&find=%3Cscript%3E" for view in VIEWS),
            "/",
            "/issues/older?view=changes&against=issue%3Ahostile",
        ):
            page.goto(studio + place, wait_until="load")
            assert not page.evaluate(acted), place
            assert page.locator("main script, main [onerror], main [onload]").count() == 0
        page.goto(f"{studio}/issues/hostile", wait_until="load")
        frame(page, "desktop").get_by_text("press me").click()
        assert not page.evaluate(acted)
        page.goto(copy.as_uri(), wait_until="load")
        assert not page.evaluate(acted)
    review.unlink()
    path.unlink()


# --- from other machines, and out of the studio --------------------------------------------------------


def test_a_share_link_opens_in_another_browser(browser, folder):
    with previewing(folder, "--token", TOKEN) as studio:
        with browser.new_context() as editor:
            page = editor.new_page()
            page.goto(studio)
            assert page.get_by_role("status").count() == 0, "nothing is watched before the door"
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Open").click()
            page.get_by_role("link", name="sent.md").click()
            page.get_by_text("Share a link to look at it").click()
            page.get_by_role("button", name="Make the link").click()
            link = page.get_by_label("The link").input_value()
        with browser.new_context() as guest:
            page = guest.new_page()
            page.goto(link)
            expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()
            assert page.get_by_role("button", name="Approve").count() == 0
            assert page.get_by_text("Approve this edition").count() == 0


def test_the_static_copy_shows_all_without_a_network(page, folder, tmp_path):
    copy = tmp_path / "copy.html"
    newsletter(folder, "build", "sent", "--preview", str(copy))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(copy.as_uri())
    page.get_by_text("Dark, part inverted", exact=True).click()
    shown = page.frame_locator('[data-tab="partly"] iframe >> nth=0')
    expect(shown.get_by_text("It came early this year")).to_be_visible()
    page.get_by_text("Text", exact=True).click()
    expect(page.locator("pre.ruled")).to_be_visible()

    assert [url for url in asked if not url.startswith(("file:", "about:"))] == []
    assert faults(page, iframes=False) == []
