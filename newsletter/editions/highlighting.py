"""The one door to Pygments: code as spans whose classes a theme gives its own colours."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup
from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String
from pygments.util import ClassNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: In characters; longer code is nobody's reading, and every span weighs.
LONGEST = 20_000
#: Kinds of token and their class, the first that fits; all others are plain. Few, so that it stays a text.
_CLASSES = (
    (Comment.Preproc, "kw"),
    (Comment, "co"),
    (Keyword.Constant, "nu"),
    (Keyword, "kw"),
    (Operator.Word, "kw"),
    (Name.Tag, "kw"),
    (String.Doc, "co"),
    (String, "st"),
    (Number, "nu"),
    (Literal, "nu"),
    (Generic.Deleted, "co"),
    (Generic.Inserted, "st"),
    (Generic.Heading, "kw"),
    (Generic.Subheading, "kw"),
    (Generic.Output, "co"),
)


def highlighted(code: str, language: str) -> Markup:
    """*code* as XHTML: what belongs together in a span of class ``kw``, ``st``, ``nu`` or ``co``.

    Args:
        code: the text of a code block.
        language: what stands behind its fence; plain text comes back for one that is not known.
    """
    code = code.rstrip("\n")
    if not language or len(code) > LONGEST:
        return Markup(escape(code, quote=False))  # noqa: S704 - escaped
    try:
        lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return Markup(escape(code, quote=False))  # noqa: S704 - escaped
    pieces = groupby(_classed(lex(code, lexer)), key=lambda piece: piece[0])
    return Markup("").join(_span(kind, "".join(text for _, text in group)) for kind, group in pieces)


def _classed(tokens: Iterable[tuple[object, str]]) -> Iterator[tuple[str, str]]:
    """The class and text of each of *tokens*; spaces belong to what is before them, which saves spans."""
    last = ""
    for kind, text in tokens:
        last = last if text.isspace() else _class(kind)
        yield last, text


def _class(kind: object) -> str:
    return next((name for parent, name in _CLASSES if kind in parent), "")


def _span(kind: str, text: str) -> Markup:
    written = escape(text, quote=False)
    if text.isspace():
        # Only at the beginning; MJML drops space between two elements, but not its entities.
        written = "".join(f"&#{ord(character)};" for character in text)
    return Markup(f'<span class="{kind}">{written}</span>' if kind else written)  # noqa: S704 - escaped
