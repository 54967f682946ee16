"""From a file that was written to pixels in the studio: against the compiler and the browser's own paint.

It is held against compiling the issue once, and the browser loading and painting the same two frames from a
server that only hands out bytes. The studio is faster than both where it writes words into the documents that
are there; what that alone takes until it is seen is told as well.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from newsletter.config import load_publication
from newsletter.editions import press

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"
NAME = "2026-04-11"
ROUNDS = 9
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
#: The exchange of two frames, as the studio does it where a document has to be loaded.
PAINT = """number => new Promise(done => {
  const begun = performance.now();
  let waiting = 2;
  for (const old of [...document.querySelectorAll("iframe:not(.coming)")]) {
    const next = old.cloneNode();
    next.classList.add("coming");
    next.style.cssText = "position:absolute;visibility:hidden;left:0;top:0";
    next.src = `mail.html?${number}`;
    next.onload = () => {
      old.remove();
      next.classList.remove("coming");
      next.style.cssText = "";
      next.style.height = `${next.contentDocument.documentElement.getBoundingClientRect().height}px`;
      waiting -= 1;
      const end = () => done(performance.now() - begun);
      if (!waiting) requestAnimationFrame(() => requestAnimationFrame(end));
    };
    old.after(next);
  }
})"""
#: A word changed in both documents, and painted.
REPAINT = """number => new Promise(done => {
  const begun = performance.now();
  for (const { contentDocument } of document.querySelectorAll("iframe")) {
    contentDocument.querySelector("p").textContent = `Good morning number ${number}`;
  }
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
})"""
BARE = (
    '<!doctype html><iframe src="mail.html" width="375" height="900"></iframe>'
    '<iframe src="mail.html" width="680" height="900"></iframe>'
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _bytes(folder: Path) -> Iterator[str]:
    """The URL of a server that hands out the files of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def _studio(root: Path) -> Iterator[str]:
    command = [
        sys.executable,
        "-m",
        "newsletter",
        "-C",
        str(root),
        "preview",
        NAME,
        "--no-open",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Print the times and the ratios."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder) / "digest"
        shutil.copytree(EXAMPLE, root)
        publication, path = load_publication(root), root / "issues" / f"{NAME}.md"
        static = Path(folder) / "static"
        static.mkdir()
        (static / "mail.html").write_text(press(publication, path).edition.html, encoding="utf-8")
        (static / "index.html").write_text(BARE, encoding="utf-8")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with _studio(root) as studio, _bytes(static) as plain:
            pages = browser.new_page(viewport={"width": 1280, "height": 900}), browser.new_page()
            pages[0].goto(studio, wait_until="load")
            pages[0].wait_for_selector(".pulse.live")
            pages[1].goto(plain, wait_until="load")
            source = path.read_text(encoding="utf-8")
            times: dict[str, list[float]] = {"ours": [], "compile": [], "paint": [], "repaint": []}
            for number in range(ROUNDS + 2):
                changed = source.replace("Good morning", f"Good morning number {number}")
                round_ = {
                    "ours": _change(pages[0], path, changed, number),
                    "compile": _compile(publication, path),
                    "paint": pages[1].evaluate(PAINT, number) / 1000,
                    "repaint": pages[1].evaluate(REPAINT, number) / 1000,
                }
                if number >= 2:
                    for name, seconds in round_.items():
                        times[name].append(seconds)
        browser.close()
    ours, compiling, paint, repaint = (median(values) for values in times.values())
    print(
        f"studio     change to pixels {ours * 1e3:.0f} ms; compiling {compiling * 1e3:.1f} ms, the browser's "
        f"own paint {paint * 1e3:.0f} ms: {ours / (compiling + paint):.2f}x their sum, "
        f"{ours / (2 * compiling + paint):.2f}x twice the one and the other; "
        f"a word painted anew {repaint * 1e3:.0f} ms"
    )


def _change(page: Page, path: Path, text: str, number: int) -> float:
    """Seconds from before the file is written until the page has painted it."""
    page.bring_to_front()
    page.evaluate("delete document.querySelector('[data-took]').dataset.at")
    begun = time.time()
    path.write_text(text, encoding="utf-8")
    page.wait_for_selector("[data-took][data-at]")
    ended = float(page.get_attribute("[data-took]", "data-at") or 0) / 1000
    shown = page.frame_locator('iframe[data-frame="phone"]:not(.coming)')
    shown.get_by_text(f"Good morning number {number}").wait_for()
    page.wait_for_timeout(200)
    return ended - begun


def _compile(publication: object, path: Path) -> float:
    begun = time.perf_counter()
    press(publication, path)  # type: ignore[arg-type]
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
