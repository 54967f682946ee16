"""Two HTML documents drawn by Chromium at several widths and compared pixel by pixel."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

WIDTHS = (320, 375, 600, 800)
#: Of 255; less is the noise of anti-aliasing.
_THRESHOLD = 16

#: Stands for every image: patterned, so that scaling and cropping show.
_IMAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300">'
    '<rect width="400" height="300" fill="#9ab"/>'
    '<path d="M0 0L400 300M400 0L0 300" stroke="#234" stroke-width="9"/></svg>'
)
_COMPARE = """async ([one, two, threshold]) => {
  const load = (data) => new Promise((done) => {
    const image = new Image()
    image.onload = () => done(image)
    image.src = 'data:image/png;base64,' + data })
  const [a, b] = await Promise.all([load(one), load(two)])
  const width = Math.max(a.width, b.width), height = Math.max(a.height, b.height)
  const pixels = (image) => {
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext('2d')
    context.drawImage(image, 0, 0); return context.getImageData(0, 0, width, height).data }
  const left = pixels(a), right = pixels(b)
  let differing = 0
  for (let i = 0; i < left.length; i += 4)
    for (let c = 0; c < 4; c++) if (Math.abs(left[i + c] - right[i + c]) > threshold) { differing++; break }
  return [100 * differing / (width * height), a.height - b.height]
}"""


class Screen:
    """A browser that compares documents; use it in a `with` statement."""

    def __enter__(self) -> Screen:
        self._driver = sync_playwright().start()
        self._browser: Browser = self._driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        self._page: Page = self._browser.new_page()
        self._page.route("**/*", _answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._driver.stop()

    def compare(self, ours: str, reference: str) -> Iterator[tuple[int, float, int]]:
        """For each width: percentage of pixels that differ, and how much higher ours is, in pixels."""
        for width in WIDTHS:
            self._page.set_viewport_size({"width": width, "height": 800})
            shots = [base64.b64encode(self._drawn(html)).decode() for html in (ours, reference)]
            self._page.set_content("<!doctype html>")
            share, height = self._page.evaluate(_COMPARE, [*shots, _THRESHOLD])
            yield width, share, height

    def _drawn(self, html: str) -> bytes:
        self._page.set_content(html, wait_until="load")
        return self._page.screenshot(full_page=True)


def _answer(route: Route) -> None:
    """Nothing is fetched: every image is the same drawing, everything else is missing."""
    if route.request.resource_type == "image":
        route.fulfill(content_type="image/svg+xml", body=_IMAGE)
    else:
        route.abort()
