"""The studio's views in a real browser: by mouse, by key, on small windows."""

from __future__ import annotations

import re

import pytest
from browsing import ISSUE, frame, overhang, ready, until
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("sent")


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


def test_a_branch_that_nobody_sees_is_told_beside_the_findings_as_long_as_it_is_there(page, address, issue):
    issue.write_text(ISSUE.replace("builders", "painters"), encoding="utf-8")
    ready(page, address)
    told = page.locator("[data-unseen] .findings li")
    expect(told).to_contain_text('nobody sees the branch "painters" in subscriber.tags')
    told.locator("[data-finding]").click()
    expect(page.locator(".source .marked")).to_contain_text("painters")

    issue.write_text(ISSUE, encoding="utf-8")
    expect(told).to_have_count(0)


def test_findings_are_walked_through_by_key(page, address):
    ready(page, address)
    page.keyboard.press("n")
    expect(page.locator(".findings li.chosen")).to_have_count(1)
    expect(page.locator(".source .marked")).to_have_count(1)


def inner_width(page, name):
    """How wide a frame is for the mail in it, which learns of it a moment after the page."""
    return frame(page, name).locator("html").evaluate("html => innerWidth")


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
    until(page, lambda: inner_width(page, "phone") == 455)
    expect(page).to_have_url(re.compile("width=455"))


def test_the_frame_is_made_wider_by_key(page, address):
    ready(page, f"{address}?view=phone&width=320")
    handle = page.get_by_role("slider", name="Width of the frame")
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "330")
    handle.press("Shift+ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "329")
    handle.press("End")

    until(page, lambda: inner_width(page, "phone") == 1024)


@pytest.mark.parametrize("width", [320, 768, 1024])
def test_a_width_is_that_of_the_frame_whatever_the_window(page, address, width):
    page.set_viewport_size({"width": 900, "height": 700})
    ready(page, f"{address}?view=desktop&width={width}")

    until(page, lambda: inner_width(page, "desktop") == width)
    assert overhang(page) == 0


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
    expect(page.locator("[data-took]")).to_contain_text("updated in")

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

    expect(page.locator("[data-took]")).to_contain_text(re.compile(r"updated in \d+\.\d s"))


def test_the_inbox_tells_where_each_program_cuts(page, address):
    ready(page, f"{address}?view=inbox")

    for client in page.locator(".client").all():
        expect(client.locator("[data-cut-note]")).to_contain_text(re.compile(r"cut after \d+ of \d+|whole"))
    expect(page.locator(".gmail-phone [data-cut-note]")).to_contain_text("subject cut after")


@pytest.mark.parametrize("width", [1280, 1100, 1500])
def test_the_end_of_every_row_of_the_inbox_is_in_sight_on_a_desk(page, address, width):
    page.set_viewport_size({"width": 1500, "height": 900})
    ready(page, f"{address}?view=inbox")
    page.set_viewport_size({"width": width, "height": 900})

    for row in page.locator(".client .row").all():
        expect(row).to_be_visible()
        page.wait_for_function(
            "row => row.parentElement.scrollWidth <= row.parentElement.clientWidth", arg=row.element_handle()
        )


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
