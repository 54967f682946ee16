"""The Jinja environment in which a theme's files are run: they see nothing but each other."""

from __future__ import annotations

import sys
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from newsletter.editions.expressions import ExpressionError
from newsletter.editions.sourcemap import MarkPlaces
from newsletter.errors import ThemeError, at, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from newsletter.editions.theme import Theme

#: What Python says of endless recursion, and of code nested deeper than it compiles.
_EXHAUSTED = (RecursionError, MemoryError, SyntaxError)
#: In characters: what no issue comes near, and no machine fails at.
_LARGEST = 16_000_000


@lru_cache(maxsize=8)
def environment(theme: Theme, *, marked: bool = False) -> SandboxedEnvironment:
    """The Jinja environment of *theme*: its files and nothing else, values escaped, unknown names refused.

    Args:
        theme: gives the files.
        marked: put marks into their text, for a `SourceMap`.
    """

    def load(name: str) -> tuple[str, str, None] | None:
        return (theme.files[name], name, None) if name in theme.files else None

    made = SandboxedEnvironment(
        loader=FunctionLoader(load),
        autoescape=lambda name: name is None or ".css" not in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    if marked:
        made.add_extension(MarkPlaces)
        made.extend(marked_files=theme.files)
    return made


def run(made: SandboxedEnvironment, theme: Theme, file: str, context: Mapping[str, object]) -> str:
    """What a *file* of *theme* writes in the environment *made*, with the values of *context*.

    Raises:
        IssueError: what it writes of the issue cannot be shown.
        ThemeError: it is no Jinja, it fails, or it never comes to an end; with its line.
    """
    try:
        return "".join(_bounded(made.get_template(file).generate(context)))
    except ExpressionError as error:
        raise ThemeError(error.what, where=_failing_place(theme, file), hint=error.hint) from error
    except TemplateSyntaxError as error:
        place = at(theme.place(error.name or file), error.lineno)
        raise ThemeError(f"this is no Jinja: {error.message}", where=place) from error
    except _EXHAUSTED as error:
        raise ThemeError(
            "the theme never comes to an end, or is nested too deep",
            where=_failing_place(theme, file),
            hint="look for files that include each other, and macros that call each other",
        ) from error
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise ThemeError(
            f"the theme fails: {error}", where=_failing_place(theme, file), hint=_hint(error, context)
        ) from error


def _failing_place(theme: Theme, file: str) -> str:
    """The innermost line of the theme in the exception that is being handled."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    lines = [(frame.filename, frame.lineno) for frame in frames if frame.filename in theme.files]
    name, line = lines[-1] if lines else (file, None)
    return at(theme.place(name), line)


def _hint(error: Exception, known: Collection[str]) -> str:
    name = str(error).split("'")[1] if str(error).startswith("'") else ""
    return did_you_mean(name, known, otherwise="see the built-in theme `digest` for what a theme may use")


def _bounded(chunks: Iterator[str]) -> Iterator[str]:
    """*chunks* as long as they are not too many."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _LARGEST:
            raise MemoryError
        yield chunk
