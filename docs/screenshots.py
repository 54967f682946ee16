"""Take the pictures of the README from the example publication, with a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from theme_pictures import ARGUMENTS, PICTURES

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "examples" / "ai-news-digest"
READER = "foteini.nikolaou@example.com"
NEWSLETTER = str(Path(sys.executable).parent / "newsletter")
#: The views of the page about the studio.
VIEWS = (
    ("inverted", "?mode=partly", "light"),
    ("inbox", "?view=inbox", "light"),
    ("readers", "?view=readers", "dark"),
    ("changes", "?view=changes", "light"),
    ("phone", "?as=example", "light"),
)


def run(publication: Path, *arguments: str) -> None:
    """Run a command on the copy of the example."""
    subprocess.run([NEWSLETTER, "-C", str(publication), *arguments], check=True, capture_output=True)


def take(
    browser: Browser, url: str, name: str, width: int, height: int, scheme: str, scale: float = 1.5
) -> None:
    """One picture of *url* at that size, light or dark."""
    page: Page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
    )
    page.goto(url, wait_until="load")
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / f"{name}.png")
    page.close()


def main() -> None:
    """Build the example as one reader gets it, open the studio, and take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        publication = Path(folder) / "digest"
        shutil.copytree(EXAMPLE, publication)
        run(publication, "subscribers", "import", "subscribers.csv", "--consent", "Made up for the example")
        run(publication, "build", "2026-04-11", "--as", READER)
        run(publication, "segments", "add", "weekly-readers", 'plan in ["free", "pro"]')
        run(publication, "send", "2026-04-11", "--yes")
        mail = (publication / "build" / "2026-04-11.html").as_uri()
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        take(browser, mail, "issue-375-light", 375, 1300, "light")
        take(browser, mail, "issue-600-dark", 600, 1300, "dark")
        command = [NEWSLETTER, "-C", str(publication), "preview", "2026-04-11", "--port", "0", "--no-open"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as studio:
            assert studio.stdout is not None
            url = studio.stdout.readline().strip()
            # What is shown is how long a change takes while one writes, not how long the theme took at first.
            take(browser, url, "studio-light", 1280, 1110, "light")
            issue = publication / "issues" / "2026-04-11.md"
            text = issue.read_text(encoding="utf-8")
            issue.write_text(text.replace("slow them down", "hold them up"), encoding="utf-8")
            take(browser, url, "studio-light", 1280, 1110, "light")
            take(browser, url, "studio-dark", 1280, 1110, "dark")
            for name, place, scheme in VIEWS:
                width = 375 if name.endswith("phone") else 1280
                take(browser, url + place, f"studio-{name}", width, 800, scheme, 1)
            start = url.removesuffix("/issues/2026-04-11")
            take(browser, f"{start}/reports/2026-04-11-1", "studio-report", 1280, 800, "light", 1)
            take(browser, f"{start}/people", "studio-list", 1280, 800, "dark", 1)
            studio.terminate()
        browser.close()


if __name__ == "__main__":
    main()
