"""The studio's views in a real browser: by mouse, by key, by screen reader, on small windows and at 200 %."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

SETTINGS = """
[publication]
name = "Field Notes"
from = "Field Notes <notes@example.com>"
url = "https://notes.example.com"
postal_address = "1 Example Street, Example City"
"""
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
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TOKEN = "a-long-enough-token-of-this-test"
VIEWS = ("both", "phone", "desktop", "text", "headers", "raw", "inbox", "readers", "pair", "changes")


def newsletter(folder, *words):
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), *words]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def preview(folder, *options):
    """The URL of a studio that runs as long as the context lasts."""
    words = ["preview", "--no-open", "--port", "0", *options]
    command = [sys.executable, "-m", "newsletter", "-C", str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip().rstrip("/")
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publication")
    (folder / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "issues").mkdir()
    (folder / "issues" / "older.md").write_text(ISSUE.replace("2026-04-11", "2026-03-01"), encoding="utf-8")
    (folder / "issues" / "sent.md").write_text(
        ISSUE.replace("http://localhost:3000/", "https://there.example/"), encoding="utf-8"
    )
    people = "email,first_name,tags\nada@example.com,Ada,builders\nbob@example.org,Bob,\ncho@example.net,,\n"
    (folder / "people.csv").write_text(people, encoding="utf-8")
    newsletter(folder, "subscribers", "import", "people.csv", "--consent", "test")
    newsletter(folder, "send", "sent", "--all", "--yes")
    return folder


@pytest.fixture(scope="module")
def studio(folder):
    with preview(folder) as url:
        yield url


@pytest.fixture
def issue(folder, request):
    """The file of an issue that belongs to one test."""
    path = folder / "issues" / f"{re.sub(r'[^a-z0-9]+', '-', request.node.name)}.md"
    path.write_text(ISSUE, encoding="utf-8")
    yield path
    path.with_name(path.stem + ".review.jsonl").unlink(missing_ok=True)
    path.unlink()


@pytest.fixture
def address(studio, issue):
    return f"{studio}/issues/{issue.stem}"


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        yield page


def frame(page, name):
    return page.frame_locator(f'iframe[data-frame="{name}"]:not(.coming)')


def ready(page, address):
    page.goto(address)
    expect(page.locator("[data-pulse-text]")).to_have_text("Watching for changes")


def current(page, text):
    expect(page.locator(f'.tools a[aria-current]:text-is("{text}")')).to_be_visible()


# --- the mail and its lines -------------------------------------------------------------------------


def test_a_click_on_a_finding_shows_its_place_in_the_mail_and_in_the_source(page, address):
    ready(page, address)
    page.locator("[data-finding]").filter(has_text="localhost").click()

    shown = frame(page, "phone").locator("[data-studio-shown]")
    expect(shown).to_contain_text("Good morning")
    assert "solid" in shown.evaluate("element => element.style.outline")
    expect(page.locator(".source .marked")).to_contain_text("Good morning")


def test_a_click_in_the_mail_shows_the_line_of_the_source(page, address):
    ready(page, address)
    frame(page, "phone").get_by_text("It came early this year").click()

    expect(page.locator(".source .marked")).to_have_text("It came **early** this year.")
    assert page.locator("[data-comment-line]").input_value() == "11"


def test_findings_are_walked_through_by_key(page, address):
    ready(page, address)
    page.keyboard.press("n")
    expect(page.locator(".findings li.chosen")).to_have_count(1)
    expect(page.locator(".source .marked")).to_have_count(1)


# --- widths ------------------------------------------------------------------------------------------


def test_the_frame_is_drawn_wider_by_hand(page, address):
    ready(page, f"{address}?view=phone")
    handle = page.get_by_role("slider", name="Width of the frame")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 45, box["y"] + 60, steps=4)
    page.mouse.up()

    expect(handle).to_have_attribute("aria-valuenow", "455")
    assert frame(page, "phone").locator("html").evaluate("html => innerWidth") == 455
    assert "width=455" in page.url


def test_the_frame_is_made_wider_by_key(page, address):
    ready(page, f"{address}?view=phone&width=320")
    handle = page.get_by_role("slider", name="Width of the frame")
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "330")
    handle.press("Shift+ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "329")
    handle.press("End")

    assert frame(page, "phone").locator("html").evaluate("html => innerWidth") == 1024


@pytest.mark.parametrize("width", [320, 768, 1024])
def test_a_width_is_that_of_the_frame_whatever_the_window(page, address, width):
    page.set_viewport_size({"width": 900, "height": 700})
    ready(page, f"{address}?view=desktop&width={width}")

    assert frame(page, "desktop").locator("html").evaluate("html => innerWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


# --- inverted ----------------------------------------------------------------------------------------


def colours(page, what):
    return (
        frame(page, "phone")
        .get_by_text("It came early this year")
        .evaluate(
            """element => {
            let ground = element;
            while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)" && ground.parentElement) ground = ground.parentElement;
            const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number); return (r + g + b) / 765; };
            return { text: light(getComputedStyle(element).color), ground: light(getComputedStyle(ground).backgroundColor) };
        }"""
        )[what]
    )


@pytest.mark.parametrize("mode", ["dark", "partly", "fully"])
def test_in_every_dark_mode_the_text_is_light_on_dark(page, address, mode):
    ready(page, f"{address}?mode={mode}")

    assert colours(page, "ground") < 0.3
    assert colours(page, "text") > 0.6


# --- keys, palette, forms ----------------------------------------------------------------------------


def test_every_view_and_mode_is_reached_by_key(page, address):
    ready(page, address)
    for key, name in {
        "2": "Phone",
        "7": "Inbox",
        "8": "Readers",
        "9": "Pair",
        "0": "Changes",
        "6": "Raw",
        "1": "Both",
        "p": "Part inverted",
        "l": "Light",
        "o": "No images",
    }.items():
        page.keyboard.press(key)
        current(page, name)


def test_the_reader_is_changed_by_key(page, address):
    ready(page, f"{address}?as=example")
    page.keyboard.press("]")

    expect(frame(page, "phone").get_by_text("Good morning, reader.")).to_be_visible()


def test_the_palette_finds_issues_and_commands(page, address):
    ready(page, address)
    page.keyboard.press("Control+k")
    page.keyboard.type("inbox")
    page.keyboard.press("Enter")
    current(page, "Inbox")
    page.keyboard.press("k")
    page.keyboard.type("swallow 2026-03-01")
    page.keyboard.press("Enter")

    expect(page.locator(".meta")).to_contain_text("older.md")


def test_escape_leaves_the_palette_and_a_field_at_once(page, address):
    ready(page, address)
    page.keyboard.press("k")
    page.keyboard.type("inbox")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Search and commands")).to_be_hidden()
    page.keyboard.press("c")
    page.keyboard.type("4")
    page.keyboard.press("Escape")
    page.keyboard.press("4")

    current(page, "Text")


def test_all_keys_are_shown(page, address):
    ready(page, address)
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")

    expect(help_).to_be_visible()
    assert help_.locator("dt").count() >= 25
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()


def test_an_edition_is_approved_by_key_and_a_change_voids_it(page, address, issue):
    ready(page, address)
    page.keyboard.press("a")
    page.keyboard.type("Ann Editor")
    page.keyboard.press("Enter")
    expect(page.locator(".meta")).to_contain_text("Approved by Ann Editor")
    issue.write_text(ISSUE.replace("early", "late"), encoding="utf-8")

    expect(page.locator(".meta")).to_contain_text("Changed since it was approved")
    expect(page.locator("[data-said]")).to_have_count(0)


def test_what_came_of_a_form_stays_while_the_edition_does(page, address, issue):
    ready(page, address)
    page.keyboard.press("a")
    page.keyboard.type("Ann Editor")
    page.keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_be_visible()
    issue.write_text(ISSUE, encoding="utf-8")
    expect(page.locator("[data-took]")).to_contain_text("on screen in")

    expect(page.locator("[data-said]")).to_contain_text("This edition is approved")


def test_a_comment_is_pinned_by_a_click_and_resolved(page, address):
    ready(page, address)
    frame(page, "desktop").get_by_text("It came early this year").click()
    page.keyboard.press("c")
    page.get_by_label("Your name").last.fill("Ann")
    page.get_by_label("What should change").fill("When exactly?")
    page.get_by_role("button", name="Add comment").click()

    comment = page.locator(".comment")
    expect(comment).to_contain_text("line 11")
    expect(comment).to_contain_text("When exactly?")
    comment.get_by_role("button", name="Resolve").click()
    expect(comment).to_contain_text("Resolved by Ann")


def test_what_is_typed_survives_a_change_of_the_file(page, address, issue):
    ready(page, address)
    page.keyboard.press("c")
    field = page.get_by_label("What should change")
    field.fill("Half a sent")
    issue.write_text(ISSUE.replace("early", "late"), encoding="utf-8")
    expect(frame(page, "phone").get_by_text("It came late this year")).to_be_visible()

    expect(field).to_have_value("Half a sent")


def test_the_time_from_change_to_screen_is_shown(page, address, issue):
    ready(page, address)
    issue.write_text(ISSUE.replace("early", "late"), encoding="utf-8")

    expect(page.locator("[data-took]")).to_contain_text(re.compile(r"on screen in \d+ ms"))


def test_the_inbox_tells_where_each_program_cuts(page, address):
    ready(page, f"{address}?view=inbox")

    for client in page.locator(".client").all():
        expect(client.locator("[data-cut-note]")).to_contain_text(re.compile(r"cut after \d+ of \d+|whole"))
    expect(page.locator(".gmail-phone [data-cut-note]")).to_contain_text("subject cut after")


def test_a_chart_is_saved_as_a_picture(page, studio):
    page.goto(f"{studio}/reports/sent-1")
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()

    assert download.value.suggested_filename == "outcomes.png"
    picture = download.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG")
    # Twice as large as the chart, with its title above and its legend below.
    width, height = (int.from_bytes(picture[place : place + 4]) for place in (16, 20))
    chart = page.locator(".chart").bounding_box()
    assert (width > 2 * chart["width"], height > 2 * chart["height"] + 100) == (True, True)


def test_on_a_phone_the_newest_bar_of_a_chart_is_seen(page, studio):
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{studio}/reports/sent-1")

    page.locator(".drawing").scroll_into_view_if_needed()
    expect(page.locator(".chart rect").last).to_be_in_viewport()
    assert page.locator("header.bar").bounding_box()["height"] < 100


# --- who can use it ----------------------------------------------------------------------------------


def told(results):
    return [
        (found["id"], node["html"][:120], node["failureSummary"])
        for found in results
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(browser, studio, scheme):
    """The mail in the frames has tests of its own; a mail part inverted is shown as bad as it is."""
    with browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme) as page:
        for place in (
            "/",
            *(f"/issues/sent?view={view}" for view in VIEWS),
            "/reports",
            "/reports/sent-1",
            "/people",
            "/none",
        ):
            ready(page, studio + place)
            page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
            page.evaluate("document.querySelectorAll('iframe').forEach(frame => frame.remove())")
            assert told(Axe().run(page).response["violations"]) == [], place


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_dialogs(browser, studio, scheme):
    with browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme) as page:
        for key in ("k", "?"):
            ready(page, f"{studio}/issues/sent?view=text")
            page.keyboard.press(key)
            assert told(Axe().run(page).response["violations"]) == []


@pytest.mark.parametrize("width", [1280, 640, 375])
def test_every_view_fits_every_window_also_at_200_percent(page, studio, width):
    """A window of 1,280 pixels at 200 % is one of 640 (WCAG 2.2, 1.4.10)."""
    page.set_viewport_size({"width": width, "height": 800})
    for place in (
        "/",
        *(f"/issues/sent?view={view}" for view in VIEWS),
        "/reports",
        "/reports/sent-1",
        "/people",
    ):
        ready(page, studio + place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place


def test_on_a_phone_every_view_is_in_sight(page, address):
    page.set_viewport_size({"width": 375, "height": 800})
    ready(page, address)

    expect(page.locator('.tools a:text-is("Changes")')).to_be_in_viewport()


def test_no_page_raises_an_error_in_the_browser(page, studio):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for place in (
        "/",
        *(f"/issues/sent?view={view}" for view in VIEWS),
        "/reports",
        "/reports/sent-1",
        "/people",
    ):
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
    with preview(folder, "--token", TOKEN) as studio:
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
    assert told(Axe().run(page, options={"iframes": False}).response["violations"]) == []
