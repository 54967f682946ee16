"""Take the pictures of docs/themes.md from the samples, with a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from newsletter.config import PublicationSettings
from newsletter.editions import Context, Evaluator, compile_issue, load_theme, render, split
from newsletter.issues import load_issue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

HERE = Path(__file__).resolve().parent
SAMPLES = HERE / "samples"
PICTURES = HERE / "pictures"
EXAMPLE = HERE.parent / "examples" / "ai-news-digest" / "issues" / "2026-04-11.md"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
]
#: What each theme is shown with.
SHOWN = {"digest": EXAMPLE, "letter": SAMPLES / "letter.md", "product": SAMPLES / "launch.md"}
SIGNATURE = {
    "closing": "Until June,",
    "role": "Field Notes, from the hill",
    "portrait": "https://notes.example.com/portrait.png",
}


def mail(path: Path, name: str) -> str:
    """The HTML of an issue in a theme, as a reader called Ann gets it."""
    theme = load_theme(name)
    theme.settings["signature"].update(SIGNATURE)
    publication = PublicationSettings(
        name="AI News Digest" if name == "digest" else "Field Notes",
        sender="Field Notes <notes@example.com>",
        url="https://notes.example.com",
        postal_address="1 Example Street, Example City",
    )
    edition = compile_issue(load_issue(path), theme, publication)
    links = {name: f"https://notes.example.com/{name}" for name in ("unsubscribe", "preferences", "web")}
    values = Evaluator(edition).values({"email": "ann@example.com", "first_name": "Ann"}, links)
    return render(split(edition.html, edition, Context.HTML), values)


def opened(browser: Browser, html: str, width: int, scheme: str = "light") -> Page:
    """A page that shows *html* with the pictures of the samples."""
    page = browser.new_page(viewport={"width": width, "height": 860}, color_scheme=scheme)
    page.route("https://**/*", _picture)
    page.set_content(html, wait_until="load")
    return page


def _picture(route: Route) -> None:
    path = SAMPLES / route.request.url.rsplit("/", 1)[-1]
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


def main() -> None:
    """Each theme on a wide screen and, in the dark, on a phone; the signature; each block in `digest`."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for name, path in SHOWN.items():
            html = mail(path, name)
            opened(browser, html, 640).screenshot(path=PICTURES / f"theme-{name}.png")
            opened(browser, html, 375, "dark").screenshot(path=PICTURES / f"theme-{name}-phone.png")
        page = opened(browser, mail(SHOWN["letter"], "letter"), 600)
        page.locator("td.signature").screenshot(path=PICTURES / "theme-letter-signature.png")
        page = opened(browser, mail(SAMPLES / "blocks.md", "digest"), 600)
        for story in page.locator("td.story").all():
            anchor = story.locator("h3").get_attribute("id")
            story.screenshot(path=PICTURES / f"theme-block-{anchor}.png")
        browser.close()


if __name__ == "__main__":
    main()
