"""The readers at the edges: with the longest name, with none, with an emoji, from right to left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.editions import Choice, Context, Evaluator, Literal, render, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.editions import Edition, Piece

#: Links as long as signed ones are.
LINKS = {
    name: f"https://news.example.com/{name}/" + "AbCdEfGhIjKlMnOpQrStUvWxYz" * 3
    for name in ("unsubscribe", "preferences", "web")
}
#: What every subscriber has.
ALWAYS: Mapping[str, object] = {
    "email": "reader@example.com",
    "tags": (),
    "topics": (),
    "joined": "2026-01-01",
    "status": "active",
}
_NAMES = {
    "usual": "Ann",
    "longest": "Wolfeschlegelsteinhausenbergerdorff Maria-Magdalena Josefine",
    "emoji": "👩‍💻 Ann",
    "right to left": "שרה כהן",
}
#: Names of readers at the edges, as a subscriber has them.
READERS: Mapping[str, Mapping[str, object]] = {
    "nameless": ALWAYS,
    **{
        kind: {**ALWAYS, "first_name": name, "last_name": name, "name": name} for kind, name in _NAMES.items()
    },
}


def subjects(edition: Edition) -> dict[str, str]:
    """The subject as each of `READERS` gets it; empty for a value that is missing."""
    return {kind: _rendered(edition, edition.subject, Context.HEADER, kind) for kind in READERS}


def texts(edition: Edition) -> dict[str, str]:
    """The plain text as each of `READERS` gets it."""
    return {kind: _rendered(edition, edition.text, Context.TEXT, kind) for kind in READERS}


def largest_html(edition: Edition) -> str:
    """The HTML with the longest values, and of each conditional its longest branch."""
    pieces = split(edition.html, edition, Context.HTML)
    values = Evaluator(edition).values(READERS["longest"], LINKS, missing="x" * 60)
    return _longest(pieces, values)


def usual(edition: Edition, text: str, context: Context = Context.HEADER) -> str:
    """One *text* of an edition, such as its preheader, as a reader with an ordinary name gets it."""
    return _rendered(edition, text, context, "usual")


def _rendered(edition: Edition, text: str, context: Context, kind: str) -> str:
    values = Evaluator(edition).values(READERS[kind], LINKS, missing="")
    return render(split(text, edition, context), values)


def _longest(pieces: Sequence[Piece], values: Mapping[str, str | bool]) -> str:
    parts = []
    for piece in pieces:
        if isinstance(piece, Literal):
            parts.append(piece.text)
        elif isinstance(piece, Choice):
            parts.append(max((_longest(branch, values) for _, branch in piece.branches), key=len))
        else:
            parts.append(piece.context.write(str(values[piece.token])))
    return "".join(parts)
