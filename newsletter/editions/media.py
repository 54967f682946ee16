"""Local images of an issue: read, measured, named by their content, and published under that name.

A name that is made of the content never means another picture, so that an edition which is frozen keeps its
images whatever becomes of the files beside the issue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import imagesize

from newsletter.errors import IssueError, NewsletterError, at
from newsletter.issues import iter_images
from newsletter.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from newsletter.issues import Document, Issue

#: In bytes; many readers pay for what they load, and some mail programs give up on more.
LARGEST = 2_000_000
#: What each format begins with; every mail program that shows images shows the first three.
_FORMATS = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
#: How the names of image files end, in lower case.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_SVG = re.compile(rb"\s*(?:\xef\xbb\xbf)?(?:<\?xml|<!--|<!DOCTYPE svg|<svg)")
_DENSITY = re.compile(r"@([234])x$")
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/|#")
_NAME = re.compile(r"[0-9a-f]{16}\.(?:png|jpg|gif|webp)")


@dataclass(frozen=True)
class Image:
    """An image file; ``width`` and ``height`` are in pixels as it is meant to be shown.

    ``density`` is 2 for a file ``NAME@2x.png``, which has twice as many pixels each way; ``digest`` is the
    SHA-256 of its content in hexadecimal, ``size`` the number of its bytes.
    """

    path: Path
    format: str
    width: int
    height: int
    density: int
    size: int
    digest: str

    @property
    def name(self) -> str:
        """Its name among published images, such as ``0123456789abcdef.png``."""
        return f"{self.digest[:16]}.{self.format}"


def read_images(issue: Issue, document: Document, root: Path) -> dict[str, Image]:
    """The local images that *issue* shows, by the address that it gives them.

    Args:
        issue: whose images they are; addresses are relative to its file.
        document: what was read of it.
        root: the publication's folder, in which they must be.

    Raises:
        IssueError: an image is missing, outside of *root*, larger than `LARGEST`, or no PNG, JPEG, GIF or
            WebP; with the line on which it is shown.
    """
    if issue.path is None:
        return {}
    images: dict[str, Image] = {}
    for line, src in iter_images(issue, document):
        if src and src not in images and not _ELSEWHERE.match(src) and f"LP{document.nonce}" not in src:
            images[src] = read_image(issue.path.parent, src, at(issue.path, line), root)
    return images


def read_image(folder: Path, src: str, where: str, root: Path) -> Image:
    """The image that *src* is, relative to *folder*, named at *where*; in *root* it must be.

    Raises:
        IssueError: as `read_images`.
    """
    relative = unquote(re.split(r"[?#]", src, maxsplit=1)[0])
    try:
        path = (folder / relative).resolve()
        if not path.is_relative_to(root.resolve()):
            raise IssueError(
                f"the image `{relative}` is outside of the publication",
                where=where,
                hint="copy it beside the issue",
            )
        status = path.stat()
        if status.st_size > LARGEST:
            raise IssueError(
                f"the image `{relative}` has {status.st_size / 1e6:.1f} MB",
                where=where,
                hint=f"make it smaller than {LARGEST // 1_000_000} MB; 1200 pixels of width are enough",
            )
        return _examined(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError as error:
        hint = _near(folder, relative)
        raise IssueError(f"there is no image `{relative}`", where=where, hint=hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise IssueError(
            f"the image `{relative}` cannot be read: {reason}", where=where, hint="name an image file"
        ) from error
    except _NoImageError as error:
        raise IssueError(f"`{relative}` {error.what}", where=where, hint=error.hint) from error


def publish(images: Iterable[Image], folder: Path) -> list[Path]:
    """Copy *images* into *folder* under their published names, each whole or not at all.

    Returns:
        Their paths, those that were there already included.

    Raises:
        NewsletterError: a file cannot be written, or an image is not what it was when it was read.
    """
    paths = [folder / image.name for image in images]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for image, path in zip(images, paths, strict=True):
            if not path.exists():
                _copy(image, path)
    except OSError as error:
        raise NewsletterError(
            f"an image cannot be published: {error.strerror}",
            where=str(error.filename or folder),
            hint="look at the rights of the folder",
        ) from error
    return paths


def find_published(folder: Path, name: str) -> Path | None:
    """The image in *folder* with the published *name*, or None; any other name finds nothing."""
    path = folder / name
    return path if _NAME.fullmatch(name) and path.is_file() else None


class _NoImageError(NewsletterError):
    """A file is no image that a mail can show."""


@lru_cache(maxsize=1024)
def _examined(path: Path, _changed: int, _size: int) -> Image:
    """The image at *path*; the other arguments make sure that a changed file is looked at again."""
    content = path.read_bytes()
    form = next((name for name, start in _FORMATS.items() if start.match(content)), None)
    if form is None:
        what = "is an SVG, which hardly any mail program shows" if _SVG.match(content) else "is no image"
        raise _NoImageError(what, hint="save it as PNG, JPEG, GIF or WebP")
    width, height = imagesize.get(BytesIO(content))
    if width <= 0 or height <= 0:
        raise _NoImageError("is a damaged image", hint="save it again")
    match = _DENSITY.search(path.stem)
    density = int(match[1]) if match else 1
    shown = (max(round(width / density), 1), max(round(height / density), 1))
    return Image(path, form, *shown, density, len(content), sha256(content).hexdigest())


def _near(folder: Path, relative: str) -> str:
    """A hint that names images with names like the one that is missing."""
    wanted = folder / relative
    names = sorted(
        path.name
        for path in (wanted.parent.iterdir() if wanted.parent.is_dir() else ())
        if path.suffix.lower() in SUFFIXES
    )
    near = get_close_matches(wanted.name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    return "put the file beside the issue, or give its web address"


def _copy(image: Image, path: Path) -> None:
    content = image.path.read_bytes()
    if sha256(content).hexdigest() != image.digest:
        raise NewsletterError(
            "the image was changed while the issue was compiled", where=str(image.path), hint="try again"
        )
    write_whole(path, content)
