"""After Markdown: merge tags in code become text again, and those that remain are checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from newsletter.issues.merge_tags import TagMarker
    from newsletter.issues.model import MergeTag

#: Parts of raw HTML in which braces are text.
_HTML_CODE = re.compile(
    r"<!--.*?(?:-->|\Z)|<(pre|code|script|style|textarea|kbd|samp)\b.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_CODE_TAG = re.compile(r"<(/?)(?:code|kbd|samp)\b", re.IGNORECASE)


def settle_tags(tokens: Sequence[Token], marker: TagMarker) -> tuple[list[Token], list[MergeTag]]:
    """The block tokens with merge tags in code written out again, and the tags that remain."""
    settled = [part for token in tokens for part in _block(token, marker)]
    used = {tag.token: tag for token in settled for text in _texts(token) for tag in marker.tokens_in(text)}
    return settled, list(used.values())


def _block(token: Token, marker: TagMarker) -> Iterable[Token]:
    if token.type in {"fence", "code_block"}:
        token.content, token.info = marker.restore(token.content), marker.restore(token.info)
    elif token.type == "control":
        token.content, token.markup = marker.restore(token.content), marker.restore(token.markup)
    elif token.type == "html_block":
        if tag := _pointed(token, marker):
            return _paragraph(token, tag)
        token.content = _HTML_CODE.sub(lambda match: marker.restore(match[0]), token.content)
    elif token.children:
        token.children = list(_inline(token.children, marker))
    return (token,)


def _inline(children: Sequence[Token], marker: TagMarker) -> Iterator[Token]:
    code = 0
    for child in children:
        if child.type == "html_inline":
            if tag := _pointed(child, marker):
                yield from _autolink(tag)
                continue
            if match := _CODE_TAG.match(child.content):
                code += -1 if match[1] else 1
            child.content = _HTML_CODE.sub(lambda found: marker.restore(found[0]), child.content)
        elif child.type == "code_inline" or code > 0:
            child.content = marker.restore(child.content)
        yield child


def _pointed(token: Token, marker: TagMarker) -> MergeTag | None:
    """The tag in ``<{{ … }}>``, which Markdown takes for an HTML element because a token looks like one."""
    content = token.content.strip()
    match = marker.pattern.fullmatch(content[1:-1]) if content[:1] == "<" and content[-1:] == ">" else None
    return marker.tags[int(match[1])] if match else None


def _autolink(tag: MergeTag) -> list[Token]:
    """What ``<{{ links.web }}>`` is: a link that shows its target; others stay between brackets."""
    if not _is_link(tag):
        return [Token("text", "", 0, content=f"<{tag.token}>")]
    opening = Token("link_open", "a", 1, attrs={"href": tag.token}, markup="autolink", info="auto")
    closing = Token("link_close", "a", -1, markup="autolink", info="auto")
    return [opening, Token("text", "", 0, content=tag.token), closing]


def _is_link(tag: MergeTag) -> bool:
    return tag.expression.startswith("links") and "." in tag.expression


def _paragraph(token: Token, tag: MergeTag) -> list[Token]:
    return [
        Token("paragraph_open", "p", 1, map=token.map, level=token.level, block=True),
        Token("inline", "", 0, map=token.map, level=token.level + 1, children=_autolink(tag), block=True),
        Token("paragraph_close", "p", -1, level=token.level, block=True),
    ]


def _texts(token: Token) -> Iterator[str]:
    """All text of a token that reaches a reader; the content of an inline token is that of its children."""
    if token.type not in {"inline", "control", "image"}:
        yield token.content
    yield from (str(value) for value in token.attrs.values())
    for child in token.children or ():
        yield from _texts(child)
