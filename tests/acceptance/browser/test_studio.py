"""The studio in a real browser, run by the real command."""

from __future__ import annotations

import re
from base64 import b64decode

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


#: An image beside the issue.
PICTURE = "![Seen](seen.gif)\n\n"
GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@pytest.fixture
def picture(folder):
    """The file of `PICTURE`."""
    (folder / "issues" / "seen.gif").write_bytes(GIF)


#: One after the other, as somebody writes: what an issue becomes, and of what sort the difference is.
EDITS = {
    "words": ("came **early**", "came **late** and `stayed`, [they say](https://example.com/)"),
    "a title": ("title: The first swallow", "title: The last swallow & the first *swift*"),
    "a preheader": ("One bird, seen", "Two birds, seen"),
    "paragraphs": ("Paragraph 3 goes on", "A new one.\n\nAnd another.\n\nParagraph 3 goes on"),
    "fewer": ("Paragraph 5 goes on about the weather.\n\nParagraph 6 goes", "Paragraph 6 goes"),
    "a list": ("Paragraph 7 goes on", "- one\n- two\n\nParagraph 7 goes on"),
    "a table": ("Paragraph 8 goes on", "| a | b |\n| --- | --- |\n| 1 | 2 |\n\nParagraph 8 goes on"),
    "code": ("Paragraph 9 goes on", "```python\nprint(1)\n```\n\nParagraph 9 goes on"),
    "a branch": ("Paragraph 2 ", "{% if subscriber.tags %}\n\nTo some.\n\n{% endif %}\n\nParagraph 2 "),
    "a section": ("Paragraph 20 goes on", "## Elsewhere\n\nParagraph 20 goes on"),
    "a picture": ("Paragraph 21 ", f"{PICTURE}Paragraph 21 "),
    "a language": ("date: 2026", "language: ar\ndate: 2026"),
    "less": ("On the ridge", "Here"),
}
#: Whether a frame has the very document that the server has for it, its styles applied, and all its pictures.
SAME = """async frame => {
    const served = await (await fetch(frame.src)).text();
    const fresh = new frame.contentWindow.DOMParser().parseFromString(served, "text/html");
    const { documentElement, images, compatMode } = frame.contentDocument;
    const styles = root => [...root.querySelectorAll("*")].map(each => each.style?.cssText).join();
    return documentElement.isEqualNode(fresh.documentElement) && compatMode === fresh.compatMode
        && styles(documentElement) === styles(fresh.documentElement) && styles(fresh).includes("font-family")
        && [...images].every(image => image.naturalWidth > 0);
}"""


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize("query", ["", "?mode=fully&as=no-name"])
def test_after_every_change_a_frame_shows_what_it_would_if_it_was_opened_now(page, address, issue, query):
    """Whether the change was written into the document that is there, or the document loaded again."""
    complaints = complaints_of(page)
    ready(page, address + query)
    text = ISSUE
    for number, (old, new) in enumerate(EDITS.values()):
        assert text.count(old) == 1
        text = text.replace(old, new) + f"\n\nEdit {number}."
        issue.write_text(text, encoding="utf-8")
        for name in ("phone", "desktop"):
            expect(frame(page, name).get_by_text(f"Edit {number}.", exact=True)).to_be_visible()
        expect(page.locator(".source")).to_contain_text(f"Edit {number}.")
        expect(page.locator("iframe.coming")).to_have_count(0)
        shown = page.locator(".stage iframe")
        assert [shown.nth(index).evaluate(SAME) for index in range(2)] == [True, True]
        # What the studio marks in a document, for people, is not in the way of the next change.
        page.locator(".source li", has_text="It came").click()
        expect(frame(page, "phone").locator("[data-studio-shown]")).to_contain_text("It came")

    assert complaints == []


def note(page):
    """Make a note on the documents that are shown: it is gone when they are."""
    return page.evaluate(
        "document.querySelectorAll('iframe').forEach(each => each.contentDocument.noted = true)"
    )


def noted(page):
    frames = "[...document.querySelectorAll('iframe:not(.coming)')]"
    return page.evaluate(f"{frames}.map(each => Boolean(each.contentDocument.noted))")


def test_words_are_written_into_the_document_that_is_shown(page, address, issue):
    """No document is loaded for them, which is most of the time until they are seen."""
    ready(page, address)
    expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()
    expect(frame(page, "desktop").get_by_text("It came early this year")).to_be_visible()
    note(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    issue.write_text(ISSUE.replace("came **early**", "came **late**\n\nSo it did,"), encoding="utf-8")

    expect(frame(page, "phone").get_by_text("It came late", exact=True)).to_be_visible()
    expect(frame(page, "desktop").get_by_text("So it did, this year.")).to_be_visible()
    assert noted(page) == [True, True]
    assert len([url for url in asked if "/frame" in url]) == 1  # both frames show the same


def test_a_document_that_cannot_be_written_into_is_loaded_anew(page, address, issue):
    """Not every browser may let the studio read a document under the policy of the mail."""
    ready(page, address)
    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came early this year")).to_be_visible()
    note(page)
    page.evaluate("document.querySelectorAll('iframe').forEach(each => each.contentWindow.DOMParser = null)")
    issue.write_text(ISSUE.replace("came **early**", "came **late**"), encoding="utf-8")

    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came late this year")).to_be_visible()
    assert noted(page) == [False, False]


@pytest.mark.usefixtures("picture")
def test_a_line_is_found_in_a_document_that_words_were_written_into(page, address, issue):
    """A click tells the line where the paragraph stands now, not the one where it stood."""
    text = ISSUE.replace("Paragraph 9", f"{PICTURE}Paragraph 9")
    issue.write_text(text, encoding="utf-8")
    ready(page, address)
    frame(page, "phone").get_by_text("Paragraph 1 goes on").click()
    expect(page.locator(".source .marked")).to_contain_text("Paragraph 1 ")
    note(page)
    issue.write_text(text.replace("Paragraph 0", "Before it.\n\nParagraph 0"), encoding="utf-8")
    expect(frame(page, "phone").get_by_text("Before it.")).to_be_visible()
    expect(page.locator(".source")).to_contain_text("Before it.")
    assert noted(page) == [True, True]  # what the first click marked there is no part of the mail
    frame(page, "phone").get_by_text("Paragraph 1 goes on").click()

    expect(page.locator(".source .marked")).to_contain_text("Paragraph 1 ")


def test_an_answer_that_comes_late_does_not_undo_a_later_change(page, address, issue):
    """Each change asks for the frames; what was answered first may arrive last."""
    ready(page, address)
    frames = Held(page, re.compile(r"/frame\?"))
    issue.write_text(ISSUE.replace("came **early**", "came **late**"), encoding="utf-8")
    until(page, lambda: frames.routes)
    frames.holding = False
    issue.write_text(ISSUE.replace("came **early**", "came **at last**"), encoding="utf-8")
    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came at last this year")).to_be_visible()
    frames.let_go()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came at last this year")).to_be_visible()


@pytest.mark.usefixtures("picture")
def test_a_document_that_comes_late_does_not_hide_a_later_change(page, address, issue):
    """A picture has to be loaded; words that changed meanwhile are written after it, or loaded, too."""
    ready(page, address)
    frames = Held(page, re.compile(r"/frame\?"))

    def held(words, count):
        """What is asked for, and kept back, once the issue says so below a picture."""
        text = ISSUE.replace("came **early**", words).replace("Paragraph 21 ", f"{PICTURE}Paragraph 21 ")
        issue.write_text(text, encoding="utf-8")
        until(page, lambda: len(frames.routes) == count)
        asked, frames.routes = frames.routes, []
        return asked

    for route, answer in held("came **late**", 1):  # what there is to show; then the documents are asked for
        route.fulfill(response=answer)
    until(page, lambda: len(frames.routes) == 2)
    documents, frames.routes = frames.routes, []
    later = held("came **at last**", 1)
    for route, answer in documents:
        route.fulfill(response=answer)
    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came late this year")).to_be_visible()
    frames.holding = False
    for route, answer in later:
        route.fulfill(response=answer)

    for name in ("phone", "desktop"):
        expect(frame(page, name).get_by_text("It came at last this year")).to_be_visible()


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


def test_what_a_theme_brings_while_the_studio_is_open_is_loaded_with_its_policy(page, tmp_path):
    """It is not written into a document that is there, and cannot run."""
    footer = load_theme("digest").files["footer.mjml.j2"]
    theme = publish(tmp_path) / "themes" / "digest"
    theme.mkdir(parents=True)
    (tmp_path / "issues" / "hostile.md").write_text(ISSUE, encoding="utf-8")
    (theme / "footer.mjml.j2").write_text(footer, encoding="utf-8")

    with previewing(tmp_path) as studio:
        ready(page, f"{studio}/issues/hostile")
        expect(frame(page, "desktop").get_by_text("It came early this year")).to_be_visible()
        expect(frame(page, "phone").get_by_text("It came early this year")).to_be_visible()
        note(page)
        (theme / "footer.mjml.j2").write_text(HOSTILE + footer, encoding="utf-8")
        for trap in ("#trap", "#post"):
            frame(page, "desktop").locator(trap).click()
        assert noted(page) == [False, False]
        assert frame(page, "desktop").locator("#owned").count() == 0
        assert page.title() != "owned"


def test_the_reader_can_be_changed_and_a_missing_value_is_told(page, address, issue):
    issue.write_text(ISSUE.replace(' | default("reader")', ""), encoding="utf-8")
    page.goto(f"{address}?as=example")
    expect(frame(page, "phone").get_by_text("Good morning, Alex.")).to_be_visible()
    page.get_by_role("link", name="Without a name").click()

    expect(page.locator(".notice")).to_contain_text("{{ subscriber.first_name }}")
    expect(page.locator(".notice")).to_contain_text("line 6")
    expect(frame(page, "phone").get_by_text("Good morning, [no value].")).to_be_visible()


@pytest.mark.usefixtures("picture")
def test_without_images_only_their_text_is_left(page, address, issue):
    issue.write_text(f"{ISSUE}\n\n{PICTURE}", encoding="utf-8")
    for images, width in (("on", 1), ("off", 0)):
        page.goto(f"{address}/frame?images={images}")
        assert page.evaluate("[...document.images].map(image => image.naturalWidth)") == [width]


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
