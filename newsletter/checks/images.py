"""Rules on images: what stands in for them, how large they are, and who can show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.raw_html import elements
from newsletter.checks.rule import Rule
from newsletter.checks.support import clients_without
from newsletter.issues import Picture, iter_blocks, iter_inlines, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject
    from newsletter.editions import Element

#: In characters: what a screen reader says in one breath; longer belongs into the text.
ALT_LONGEST = 250
_ALT = "https://www.w3.org/WAI/WCAG22/Understanding/non-text-content.html"
_DIMENSIONS = "https://www.goodemailcode.com/email-code/image"

IMAGE_ALT = Rule(
    "image-alt",
    Severity.WARNING,
    "An image that is blocked or not seen is its alternative text.",
    _ALT,
    "![](https://example.com/chart.png)",
    "![Sales doubled since spring](https://example.com/chart.png)",
)
IMAGE_ALT_NAME = Rule(
    "image-alt-name",
    Severity.WARNING,
    "The name of a file, or the word “image”, does not say what an image shows.",
    _ALT,
    "![IMG_2041.jpg](https://example.com/chart.png)",
    "![Sales doubled since spring](https://example.com/chart.png)",
)
IMAGE_ALT_LONG = Rule(
    "image-alt-long",
    Severity.NOTE,
    "A long alternative text cannot be skimmed; it belongs into the text that everybody can read.",
    "https://www.w3.org/WAI/tutorials/images/complex/",
    "!["
    + "Sales were twelve in March, fourteen in April and so on. " * 6
    + "](https://example.com/chart.png)",
    "![Sales doubled since spring](https://example.com/chart.png)",
)
IMAGE_WIDTH = Rule(
    "image-width",
    Severity.WARNING,
    "Outlook on Windows shows an image without a width as wide as its file is.",
    _DIMENSIONS,
    '<img src="https://example.com/chart.png" alt="Sales doubled">',
    '<img src="https://example.com/chart.png" alt="Sales doubled" width="400">',
)
IMAGE_WIDE = Rule(
    "image-wide",
    Severity.WARNING,
    "An image that is wider than the mail pulls everything out of shape, or is cut off.",
    _DIMENSIONS,
    '<img src="https://example.com/chart.png" alt="Sales doubled" width="1400">',
    '<img src="https://example.com/chart.png" alt="Sales doubled" width="520">',
)
IMAGE_HTTP = Rule(
    "image-http",
    Severity.WARNING,
    "Mail programs on the web do not load images without encryption, or warn of them.",
    "https://developer.mozilla.org/en-US/docs/Web/Security/Mixed_content",
    "![Sales doubled](http://example.com/chart.png)",
    "![Sales doubled](https://example.com/chart.png)",
)
IMAGE_FORMAT = Rule(
    "image-format",
    Severity.WARNING,
    "A picture in a format that a mail program does not know is a gap.",
    "https://www.caniemail.com/search/?s=image",
    "![Sales doubled](https://example.com/chart.svg)",
    "![Sales doubled](https://example.com/chart.png)",
)
IMAGE_WEIGHT = Rule(
    "image-weight",
    Severity.WARNING,
    "Many readers wait for what they load, and pay for it.",
    "https://web.dev/learn/performance/image-performance",
    "![A landscape](huge.png)",
    "![A landscape](chart.png)",
)
IMAGE_BLURRED = Rule(
    "image-blurred",
    Severity.WARNING,
    "An image that is shown larger than it is looks blurred.",
    "https://www.w3.org/WAI/WCAG22/Understanding/images-of-text.html",
    "![A landscape](tiny.png){width=500}",
    "![A landscape](chart.png){width=500}",
)
#: How the names of image files end → the feature of caniemail that says who shows them.
_FORMATS = {
    ending: f"image-{feature}"
    for feature, endings in {
        "svg": "svg svgz",
        "webp": "webp",
        "avif": "avif",
        "apng": "apng",
        "bmp": "bmp",
        "heif": "heif heic",
        "ico": "ico",
        "tiff": "tif tiff",
        "hdr": "hdr",
        "ppm": "ppm",
        "mp4": "mp4",
    }.items()
    for ending in endings.split()
}
_NAME = re.compile(
    r"[\w-]+\.(?:png|jpe?g|gif|webp|svg|avif)|(?:img|dsc|image|photo|picture|screenshot|bild|foto|untitled)"
    r"[\s_-]*\d*",
    re.IGNORECASE,
)
_PIXELS = re.compile(r"(\d+)(?:px)?")


def alternatives(subject: Subject) -> Iterator[Finding]:
    """What stands in for each image that the issue shows."""
    for line, src, alt in _images(subject):
        text = (alt or "").strip()
        if alt is None or not text:
            yield subject.finding(
                IMAGE_ALT,
                f"the image {src} has no alternative text",
                hint="write what it shows: `![what it shows](image.png)`",
                line=line,
            )
        elif _NAME.fullmatch(text):
            yield subject.finding(
                IMAGE_ALT_NAME,
                f"“{text}” does not say what the image shows",
                hint="write what it shows",
                line=line,
            )
        elif len(text) > ALT_LONGEST:
            yield subject.finding(
                IMAGE_ALT_LONG,
                f"the alternative text has {len(text)} characters",
                hint="say it shortly, and the rest in the text",
                line=line,
            )


def shown(subject: Subject) -> Iterator[Finding]:
    """How each image is shown: its size, its address, its format."""
    column = subject.theme.settings.get("width", 600) if subject.theme else 600
    for element in subject.elements:
        if element.name != "img":
            continue
        src = element.attributes.get("src", "")
        width = _width(element)
        if width is None:
            yield subject.at_element(
                IMAGE_WIDTH,
                element,
                f"the image {_short(src)} has no width",
                hint='write `{width=300}` behind it, or `width="300"` into its HTML',
            )
        elif width > column:
            yield subject.at_element(
                IMAGE_WIDE,
                element,
                f"the image {_short(src)} is {width} pixels wide, the mail {column}",
                hint=f"make it at most {column} wide",
            )
        if src.lower().startswith("http://") and not src.startswith(subject.publication.url):
            yield subject.at_element(
                IMAGE_HTTP,
                element,
                f"the image {_short(src)} is loaded without encryption",
                hint="use https://",
            )
        yield from _format(subject, element, src)


def files(subject: Subject) -> Iterator[Finding]:
    """The files of local images: their bytes, and whether they have the pixels that they are shown with."""
    by_name = {image.name: image for image in subject.images}
    told: set[str] = set()
    for element in subject.elements:
        src = element.attributes.get("src", "")
        name = src.rpartition("/")[2].removeprefix("cid:").partition("@")[0]
        image = by_name.get(name) or next((i for n, i in by_name.items() if n.startswith(f"{name}.")), None)
        if element.name != "img" or image is None:
            continue
        if image.size > subject.settings.image_bytes and name not in told:
            told.add(name)
            yield subject.at_element(
                IMAGE_WEIGHT,
                element,
                f"{image.path.name} has {image.size / 1e6:.1f} MB",
                hint="save it smaller: twice the width at which it is shown is enough",
            )
        width = _width(element)
        if width and width > image.width * image.density:
            yield subject.at_element(
                IMAGE_BLURRED,
                element,
                f"{image.path.name} is {image.width * image.density} pixels wide and shown {width} wide",
                hint="use a larger file, or show it smaller",
            )


def _images(subject: Subject) -> Iterator[tuple[int, str, str | None]]:
    """Line, address and alternative text of each image that the issue shows; None if it has none at all."""
    for block in iter_blocks(subject.document):
        if isinstance(block, Picture):
            yield block.line, block.src, block.alt
    for found in elements(subject):
        if found.name == "img" and found.attributes.get("role") != "presentation":
            alt = found.attributes.get("alt", None if "alt" not in found.attributes else "")
            decorative = "alt" in found.attributes and not (alt or "")
            if not decorative:
                yield found.line, found.attributes.get("src") or "", alt
    pictured = {block.src for block in iter_blocks(subject.document) if isinstance(block, Picture)}
    for line, content in iter_inlines(subject.document):
        for token in content:
            if token.type == "image" and token.attrGet("src") not in pictured:
                yield line, str(token.attrGet("src")), text_of(tuple(token.children or ()))


def _format(subject: Subject, element: Element, src: str) -> Iterator[Finding]:
    path = re.split(r"[?#]", src, maxsplit=1)[0]
    feature = _FORMATS.get(path.rpartition(".")[2].lower())
    feature = "image-base64" if src.startswith("data:image/") else feature
    missing = clients_without(feature, subject.settings.clients) if feature else ()
    if feature and missing:
        yield subject.at_element(
            IMAGE_FORMAT,
            element,
            f"the image {_short(src)} is not shown by {', '.join(missing)}",
            hint="use PNG, JPEG or GIF",
            clients=missing,
        )


def _width(element: Element) -> int | None:
    """The width of an image in pixels; None if nothing says it. A share of what is around it counts as 0."""
    said = element.attributes.get("width", "")
    if match := _PIXELS.fullmatch(said.strip()):
        return int(match[1])
    return 0 if said.strip().endswith("%") else None


def _short(src: str) -> str:
    return src if len(src) <= 60 else f"{src[:57]}…"


RULES = (
    IMAGE_ALT,
    IMAGE_ALT_NAME,
    IMAGE_ALT_LONG,
    IMAGE_WIDTH,
    IMAGE_WIDE,
    IMAGE_HTTP,
    IMAGE_FORMAT,
    IMAGE_WEIGHT,
    IMAGE_BLURRED,
)
LOOKS = (alternatives, shown, files)
