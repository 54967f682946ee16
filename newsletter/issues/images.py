"""Every image that an issue shows, in whichever way it is written."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from newsletter.issues.kinds import Html, Picture
from newsletter.issues.walk import iter_blocks, iter_inlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.issues.model import Document, Issue

_HTML_IMAGE = re.compile(r"""<img\b[^>]*?\ssrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)


def iter_images(issue: Issue, document: Document) -> Iterator[tuple[int, str]]:
    """The line of the file and the address of each image of *issue*, of which *document* was read.

    An address comes as often as it is written, in Markdown, raw HTML or the front matter.
    """
    for author in issue.credits:
        if author.image:
            yield issue.lines.get("authors", 1), author.image
    for block in iter_blocks(document):
        if isinstance(block, Picture) and not block.content:
            yield block.line, block.src
        elif isinstance(block, Html):
            yield from ((block.line, src) for src in _in_html(block.text))
    for line, content in iter_inlines(document):
        for token in content:
            if token.type == "image":
                yield line, str(token.attrs.get("src", ""))
            elif token.type == "html_inline":
                yield from ((line, src) for src in _in_html(token.content))


def _in_html(markup: str) -> Iterable[str]:
    return (unescape("".join(groups)) for groups in _HTML_IMAGE.findall(markup))
