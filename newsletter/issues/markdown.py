"""Markdown as issues use it: CommonMark and what editors expect beside it, and control lines around blocks.

Beside CommonMark: tables, strikethrough, footnotes, bare web addresses as links, ``::: cards``, raw HTML.

A control line holds only ``{% if EXPR %}``, ``{% elif EXPR %}``, ``{% else %}`` or ``{% endif %}``. It is a
block of its own and may interrupt a paragraph. ``if`` counts only when its expression is rooted in what
merge tags may speak of, the others only while an ``if`` is open; else the line is text, as it is in code.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline.linkify import linkify
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.footnote import footnote_plugin

from newsletter.errors import IssueError, at
from newsletter.issues.attributes import take_attributes
from newsletter.issues.citations import mark_citations
from newsletter.issues.emphasis import EmphasisParser
from newsletter.issues.merge_tags import is_rooted

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline.state_inline import StateInline

#: Blocks within blocks; a list within a list counts two. markdown-it drops in silence what is deeper.
DEEPEST = 60
#: Conditionals within conditionals.
DEEPEST_IFS = 20
_CARDS = re.compile(r"\s*cards(?:\s+[123])?\s*")
#: Full-width punctuation ends a bare address, and so does what follows it.
_ADDRESS_END = re.compile("[、。，！？；：（）［］｛｝「」『』【】《》〈〉“”]")
_CONTROL = re.compile(r"\{%-?[ \t]*(if|elif|else|endif)\b(.*?)-?%\}[ \t]*")


def parse_markdown(text: str, *, path: Path | None = None, line: int = 1) -> list[Token]:
    r"""The block tokens of *text*; those of type ``control`` and ``citation`` are our own.

    Args:
        text: Markdown with line ends ``\n``.
        path: the file it is from, for errors.
        line: the line of the file on which *text* begins.

    Raises:
        IssueError: blocks are nested deeper than `DEEPEST` levels, or conditionals than `DEEPEST_IFS`.
    """
    seen = {"open_ifs": 0, "too_deep": -1}
    tokens = _parser().parse(text, seen)
    if seen["too_deep"] >= 0:
        raise IssueError(
            f"conditionals are nested more than {DEEPEST_IFS} levels deep",
            where=at(path, line + seen["too_deep"]),
            hint="join their conditions with `and`",
        )
    for token in tokens:
        if token.level >= DEEPEST:
            raise IssueError(
                f"lists and quotes are nested more than {DEEPEST // 2} levels deep",
                where=at(path, line + (token.map or [0])[0]),
                hint="flatten them; no mail client shows so many levels",
            )
    return tokens


@cache
def _parser() -> MarkdownIt:
    options = {"html": True, "linkify": True, "typographer": False, "maxNesting": DEEPEST + 1}
    parser = MarkdownIt()
    parser.inline = EmphasisParser()
    parser.configure("commonmark", options)
    parser.enable(["table", "strikethrough", "linkify"])
    # Only what says that it is an address: `readme.md` is a file, and `Mr.Smith` is nobody's host.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})  # type: ignore[union-attr]
    parser.use(footnote_plugin, inline=False)
    parser.use(container_plugin, "cards", validate=lambda params, _: bool(_CARDS.fullmatch(params)))
    parser.inline.ruler.at("linkify", _bare_address)
    alternatives = ["paragraph", "reference", "blockquote", "list", "table"]
    parser.block.ruler.before("table", "control", _control_line, {"alt": alternatives})
    # Before `text_join`, while an escaped bracket is still a token of its own.
    parser.core.ruler.before("text_join", "marks", _marks)
    return parser


def _marks(state: StateCore) -> None:
    """The core rule of our own inline tokens: short addresses, attributes, citations."""
    for token in state.tokens:
        if token.children and any(child.markup == "linkify" for child in token.children):
            token.children = _shortened(token.children)
    take_attributes(state.tokens)
    mark_citations(state.tokens)


def _bare_address(state: StateInline, silent: bool) -> bool:
    """The inline rule of bare addresses, which leaves what is behind full-width punctuation alone."""
    whole = state.src
    if not whole.startswith("://", state.pos):
        return False
    if end := _ADDRESS_END.search(whole, state.pos):
        state.src = whole[: end.start()]
    try:
        return linkify(state, silent)
    finally:
        state.src = whole


def _shortened(children: list[Token]) -> list[Token]:
    """*children* with full-width punctuation, and what follows it, outside of bare addresses."""
    result: list[Token] = []
    rest = ""
    for child in children:
        opening = result[-1] if result else None
        bare = opening is not None and opening.type == "link_open" and opening.markup == "linkify"
        if opening is not None and bare and (match := _ADDRESS_END.search(child.content)):
            child.content, rest = child.content[: match.start()], child.content[match.start() :]
            opening.attrs["href"] = normalizeLink(child.content)
        result.append(child)
        if rest and child.type == "link_close":
            result.append(Token("text", "", 0, content=rest, level=child.level))
            rest = ""
    return result


def _control_line(state: StateBlock, start: int, _end: int, silent: bool) -> bool:
    """The block rule of control lines, with the signature that markdown-it asks for."""
    if state.is_code_block(start):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith("{%", begin):
        return False
    line = state.src[begin : state.eMarks[start]]
    match = _CONTROL.fullmatch(line)
    if match is None or not _counts(match[1], match[2].strip(), state.env["open_ifs"]):
        return False
    if not silent:
        state.env["open_ifs"] += {"if": 1, "endif": -1}.get(match[1], 0)
        if state.env["open_ifs"] > DEEPEST_IFS and state.env["too_deep"] < 0:
            state.env["too_deep"] = start
        token = state.push("control", "", 0)
        token.map = [start, start + 1]
        token.info, token.content, token.markup = match[1], match[2].strip(), line.strip()
        state.line = start + 1
    return True


def _counts(word: str, expression: str, open_ifs: int) -> bool:
    if word == "if":
        return is_rooted(expression)
    return open_ifs > 0 and (word == "elif" or not expression)
