"""The one door to mjml-python: MJML in, HTML out, its traps guarded; errors tell places in the MJML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mjml import mjml2html

from newsletter.editions.extras import take_extras
from newsletter.editions.normalising import written
from newsletter.editions.scanning import cleaned
from newsletter.editions.validation import Problem, examine
from newsletter.errors import ThemeError, at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.editions.scanning import Token

#: In characters; more than any mail program shows.
LARGEST = 8_000_000

#: Where an error in generated MJML is said to be, until whoever knows the theme says better.
PLACE = "MJML"

#: Without the comma only Yahoo takes this for a query, and hides the arrows; as MRML writes it, all do.
_CAROUSEL = re.compile(r"@media screen, yahoo(\s*\{\s*\.mj-carousel-)")
#: The width of an image is a whole number (HTML Living Standard, 4.8.17).
_FRACTION = re.compile(r'(<img(?=\s)[^>]*?\swidth="\d+|<td style="width:\d+(?=\.\d+px;"><(?:a|img)\s))\.\d+')
_POSITION = re.compile(r"position (\d+):(\d+)")


class Html(NamedTuple):
    """What MJML was compiled to.

    Attributes:
        document: the HTML.
        css: the rules of ``<mj-style inline="inline">``, which are not in the document: they are to be
            written into style attributes.
    """

    document: str
    css: str


class MjmlError(ThemeError):
    """MJML with mistakes; ``problems`` has them all, the error itself tells the first."""

    def __init__(self, mjml: str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.what, where=_place(mjml, first.offset), hint=first.hint)
        self.problems = tuple(problems)


def to_html(mjml: str, *, lenient: bool = False) -> Html:
    """Compile an MJML document, without fetching or linking anything.

    Args:
        mjml: a document; entities of HTML and bare ampersands are allowed.
        lenient: compile in spite of mistakes, as the reference implementation does, if that is possible.

    Raises:
        MjmlError: there are mistakes; ``where`` is ``MJML:line:column`` in the `cleaned` source.
        ThemeError: it is too large.
    """
    mjml = cleaned(mjml)
    if len(mjml) > LARGEST:
        raise ThemeError(
            "the issue is too large for a mail", where=PLACE, hint="split it into several issues"
        )
    tokens, problems = examine(mjml)
    grave = [problem for problem in problems if problem.fatal or not lenient]
    if grave:
        raise MjmlError(mjml, grave)
    tokens, extras = take_extras(tokens)
    parts = list(written(tokens))
    try:
        document = str(mjml2html("".join(parts), disable_comments=True, fonts={}))
    except ValueError as error:
        raise MjmlError(mjml, [_explained(tokens, parts, error)]) from error
    except BaseException as error:
        # MRML panics with an exception that is no Exception; anything else of that kind is not ours to keep.
        if type(error).__name__ != "PanicException":
            raise
        problem = Problem(0, "the MJML compiler gives up on a conditional comment", fatal=True)
        raise MjmlError(mjml, [problem]) from error
    return Html(extras.applied(mended(_CAROUSEL.sub(r"@media screen yahoo\1", document))), extras.css)


def mended(html: str) -> str:
    """*html* with whole numbers for the widths of images."""
    return _FRACTION.sub(r"\1", html)


def normalised(mjml: str) -> str:
    """*mjml* as MRML gets it, inline styles included; doing it twice changes nothing more.

    Raises:
        MjmlError: it cannot be read.
    """
    mjml = cleaned(mjml)
    tokens, problems = examine(mjml)
    fatal = [problem for problem in problems if problem.fatal]
    if fatal:
        raise MjmlError(mjml, fatal)
    return "".join(written(tokens))


def _explained(tokens: Sequence[Token], parts: Sequence[str], error: ValueError) -> Problem:
    """MRML's complaint; the byte that it names is in the token that it was written from."""
    message = str(error)
    position = _POSITION.search(message)
    offset = 0
    if position:
        message = message[: position.start()].rstrip(" at")
        rest = int(position[1])
        for token, part in zip(tokens, parts, strict=True):
            offset = token.offset
            rest -= len(part.encode())
            if rest < 0:
                break
    return Problem(offset, f"the MJML does not compile: {message}", fatal=True)


def _place(mjml: str, offset: int) -> str:
    before = mjml[:offset]
    return at(PLACE, before.count("\n") + 1, offset - before.rfind("\n"))
