"""The studio in a real browser, run by the real command."""

from __future__ import annotations

import re

import pytest
from browsing import complaints_of, frame, overhang, previewing, publish, ready, until
from playwright.sync_api import expect

from newsletter.editions import load_theme

ISSUE = """---
title: The first swallow
date: 2026-04-11
preheader: One bird, seen on the ridge, and what it means for the summer to come.
---
Good morning, {{ subscriber.first_name | default("reader") }}.

## On the ridge

### A swallow

It came **early** this year.
""" + "\n\n".join(f"Paragraph {number} goes on about the weather." for number in range(60))


def test_the_list_leads_to_the_issue(page, studio, issue):
    page.goto(studio)
    page.get_by_role("link", name=issue.name).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("The first swallow")


def test_phone_and_desktop_stand_side_by_side(page, address):
    page.goto(address)

    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_role("heading", name="The first swallow")).to_be_visible()
    phone = page.locator('iframe[data-frame="phone"]').bounding_box()
    desktop = page.locator('iframe[data-frame="desktop"]').bounding_box()
    assert phone["width"] == 375
    assert frame(page, "desktop").locator("html").evaluate("html => html.clientWidth") == 680
    assert phone["x"] + phone["width"] < desktop["x"]


def background(page):
    return (
        frame(page, "phone")
        .locator("body")
        .evaluate(
            """body => {
            const all = [...body.querySelectorAll("*"), body];
            const shown = all.map(element => getComputedStyle(element).backgroundColor);
            return shown.filter(colour => colour !== "rgba(0, 0, 0, 0)").join(" ");
        }"""
        )
    )


def test_dark_mode_changes_the_colours_that_the_browser_computes(page, address):
    page.goto(address)
    light = background(page)
    page.get_by_role("link", name="Dark", exact=True).click()
    expect(page.locator(".stage")).to_have_class(re.compile("mode-dark"))
    expect(page.locator("iframe.coming")).to_have_count(0)

    assert background(page) != light


def test_the_modes_do_not_depend_on_the_mode_of_the_browser(browser, address):
    seen = {}
    for scheme in ("light", "dark"):
        with browser.new_page(color_scheme=scheme) as page:
            for mode in ("light", "dark"):
                page.goto(f"{address}?mode={mode}")
                seen[scheme, mode] = background(page)

    assert seen["light", "dark"] == seen["dark", "dark"]
    assert seen["light", "light"] == seen["dark", "light"]


def test_saving_the_file_updates_the_frames_in_place(page, address, issue):
    ready(page, address)
    expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()
    page.evaluate("document.title; window.here = true; scrollTo(0, 900)")
    issue.write_text(ISSUE.replace("**early**", "**late**"), encoding="utf-8")

    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came late this year")).to_be_visible()
    assert page.evaluate("window.here") is True
    assert page.evaluate("scrollY") == 900


def test_a_broken_issue_shows_file_and_line_above_the_last_good_version(page, address, issue):
    ready(page, address)
    expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()
    broken = ISSUE.replace("### A swallow", "{% if subscriber.tags %}\n\n### A swallow")
    issue.write_text(broken, encoding="utf-8")

    trouble = page.get_by_role("alert")
    expect(trouble).to_contain_text(f"issues/{issue.name}:10")
    expect(trouble.locator(".marked")).to_contain_text("{% if subscriber.tags %}")
    expect(page.locator(".stage")).to_have_class(re.compile("stale"))
    expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()

    issue.write_text(ISSUE, encoding="utf-8")
    expect(page.get_by_role("alert")).to_have_count(0)


HOSTILE = """
<mj-section><mj-column><mj-text><p>
<script>parent.document.title = "owned"; document.body.id = "owned";</script>
<img src="/nowhere.png" alt="" onerror="document.body.id = 'owned'" />
<a id="trap" href="javascript:document.body.id='owned'">press me</a></p>
<form action="https://evil.example.com"><button id="post">send</button></form>
</mj-text></mj-column></mj-section>
"""


def test_nothing_in_a_mail_can_run_in_the_studio(page, tmp_path):
    """Not even what a theme brings, which is not cleaned as an issue is."""
    footer = load_theme("digest").files["footer.mjml.j2"]
    publish(tmp_path)
    for name, text in {
        "issues/hostile.md": ISSUE,
        "themes/digest/footer.mjml.j2": HOSTILE + footer,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    with previewing(tmp_path) as studio:
        for address in (f"{studio}/issues/hostile", f"{studio}/issues/hostile/frame"):
            page.goto(address)
            place = page if address.endswith("frame") else frame(page, "desktop")
            for trap in ("#trap", "#post"):
                place.locator(trap).click()
            assert place.locator("#owned").count() == 0
            assert page.title() != "owned"
            assert page.url == address


def test_the_reader_can_be_changed_and_a_missing_value_is_told(page, address, issue):
    issue.write_text(ISSUE.replace(' | default("reader")', ""), encoding="utf-8")
    page.goto(f"{address}?as=example")
    expect(frame(page, "phone").get_by_text("Good morning, Alex.")).to_be_visible()
    page.get_by_role("link", name="Without a name").click()

    expect(page.locator(".notice")).to_contain_text("{{ subscriber.first_name }}")
    expect(page.locator(".notice")).to_contain_text("line 6")
    expect(frame(page, "phone").get_by_text("Good morning, [no value].")).to_be_visible()


def test_without_images_only_their_text_is_left(page, address, issue):
    picture = "\n\n![A swallow on a wire](data:image/gif;base64,R0lGODlhAQABAAAAACw=)\n"
    issue.write_text(ISSUE + picture, encoding="utf-8")
    page.goto(f"{address}/frame?images=off")

    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 0)")


@pytest.mark.parametrize("width", [1280, 800, 400])
def test_the_studio_fits_every_window(page, studio, address, width):
    page.set_viewport_size({"width": width, "height": 800})
    for place in (studio, address, f"{address}?view=text", f"{address}?view=headers"):
        page.goto(place)
        assert overhang(page) == 0


def test_the_page_raises_no_error_in_the_browser(page, address):
    """Neither of scripts nor of the content security policy."""
    complaints = complaints_of(page)
    ready(page, address)
    page.keyboard.press("d")
    expect(page.locator(".stage")).to_have_class(re.compile("mode-dark"))
    page.keyboard.press("4")
    expect(page.locator(".stage pre")).to_contain_text("Paragraph 59")

    assert complaints == []


def comment(page, text):
    page.keyboard.press("c")
    page.get_by_label("Your name").nth(1).fill("Ann")
    page.get_by_label("What should change").fill(text)
    page.get_by_role("button", name="Add comment").click()


class Held:
    """Answers to requests that are kept back until they are let go."""

    def __init__(self, page, address, method="GET"):
        self.routes, self.method, self.holding = [], method, True
        page.route(address, self.hold)

    def hold(self, route):
        if not self.holding or route.request.method != self.method:
            route.fallback()
            return
        answer = route.fetch()  # meanwhile others may have been let go
        if self.holding:
            self.routes.append((route, answer))
        else:
            route.fulfill(response=answer)

    def let_go(self):
        self.holding = False
        for route, answer in self.routes:
            route.fulfill(response=answer)
        self.routes.clear()


def test_a_change_while_a_form_is_answered_is_shown_with_what_the_form_said(page, address, issue):
    """The answer was made before the change, and comes while the frames of the change are loading."""
    page.goto(address)
    expect(page.locator("[data-pulse].live")).to_be_visible()
    answers = Held(page, re.compile("/comments"), "POST")
    comment(page, "Say more of the ridge")
    until(page, lambda: answers.routes)
    expect(page.locator(".comments")).to_contain_text("Say more of the ridge")
    frames = Held(page, re.compile(r"/frame\?"))
    issue.write_text(ISSUE.replace("came **early**", "came **late**"), encoding="utf-8")
    until(page, lambda: frames.routes)
    answers.let_go()
    expect(page.locator("[data-said].good")).to_be_visible()
    frames.let_go()

    expect(page.locator(".source")).to_contain_text("came **late**")
    expect(page.locator("[data-said].good")).to_be_visible()
    expect(page.frame_locator('[data-frame="phone"]:not(.coming)').get_by_text("late")).to_be_visible()


def test_a_page_that_was_asked_for_before_a_form_does_not_undo_its_answer(page, address):
    """It knows nothing of the comment; the look that was asked for is shown all the same."""
    page.goto(address)
    expect(page.locator("[data-pulse].live")).to_be_visible()
    pages = Held(page, re.compile(r"\?view=text"))
    page.keyboard.press("4")
    until(page, lambda: pages.routes)
    pages.holding = False
    comment(page, "Say more of the ridge")
    expect(page.locator(".stage.text")).to_be_visible()
    pages.let_go()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    expect(page.locator(".comments")).to_contain_text("Say more of the ridge")
    expect(page.locator("[data-said].good")).to_be_visible()
    expect(page.locator(".stage.text")).to_be_visible()


def test_a_form_that_is_not_answered_says_so(page, address):
    """And what was typed is still there."""
    page.goto(address)
    expect(page.locator("[data-pulse].live")).to_be_visible()
    page.route(re.compile("/comments"), lambda route: route.abort())
    comment(page, "Say more of the ridge")

    expect(page.get_by_role("alert")).to_contain_text("The studio does not answer")
    expect(page.get_by_label("What should change")).to_have_value("Say more of the ridge")


def test_frames_that_were_loading_when_another_view_was_chosen_are_not_waited_for(page, address, issue):
    """The next change is shown as any other."""
    page.goto(address)
    expect(page.locator("[data-pulse].live")).to_be_visible()
    frames = Held(page, re.compile(r"/frame\?"))
    issue.write_text(ISSUE.replace("came **early**", "came **late**"), encoding="utf-8")
    until(page, lambda: frames.routes)
    page.keyboard.press("4")

    expect(page.locator(".stage.text")).to_contain_text("came late")
    expect(page.locator(".source")).to_contain_text("came **late**")
    frames.let_go()
    comment(page, "Say more of the ridge")
    expect(page.locator("[data-said].good")).to_be_visible()
