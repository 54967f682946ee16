"""The Jinja environment in which a theme's files are run: they see nothing but each other."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from newsletter.editions.sourcemap import MarkPlaces

if TYPE_CHECKING:
    from newsletter.editions.theme import Theme


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
