"""Server-rendered pages from a folder of Jinja templates, in several languages, and their files."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.catalogues import SOURCE, choose, translations
from newsletter.editions.language import direction_of
from newsletter.web.language import asked_language, browsers_language

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_YEAR = 365 * 24 * 3600


class Pages:
    """The pages of one web service.

    Args:
        folder: where the templates (``NAME.html.j2``) and static files (``*.css``, ``*.js``, ``*.svg``) are.
        names: what every template may use; ``root`` is the path of the service. Beside it there are
            ``page_language`` and ``page_direction``; ``way``, which gives the address of another page of
            ours; and ``carried``, the language that has to be asked for there to be spoken to in this one.
        language: the one that pages are in where neither the reader nor the browser asks for another that
            there is; None for pages that are in English only.
    """

    def __init__(self, folder: Path, names: Mapping[str, object], language: str | None = None) -> None:
        self._folder = folder
        self._names = {**names, "asset": self.asset}
        self._language = language
        self._environments: dict[str, Environment] = {}
        self._files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in _TYPES}

    def language(self, wish: str | None = None) -> str:
        """The language of a page for a reader who wishes *wish* (BCP 47): theirs, the browser's, ours."""
        return choose(wish, asked_language(), self._language) if self._language else SOURCE

    def page(
        self, name: str, *, status: int = 200, wish: str | None = None, **context: object
    ) -> HTMLResponse:
        """The page ``NAME.html.j2`` filled with *context*, as an answer with *status*.

        It is in the language that the reader is known to *wish*, if that is one of ours, or else as
        `language` says.
        """
        language = self.language(wish)
        html = self.render(name, context, language)
        headers = {"content-language": language, "vary": "Accept-Language"} if self._language else None
        return HTMLResponse(html, status_code=status, headers=headers)

    def render(self, name: str, context: Mapping[str, object], language: str) -> str:
        """The page ``NAME.html.j2`` in *language*, one that `language` gave, filled with *context*."""
        environment = self._environments.get(language) or self._environment(language)
        carried = "" if language == self._unasked() else language
        given = {"carried": carried, "way": partial(self._way, carried)}
        return environment.get_template(f"{name}.html.j2").render(context, **given)

    def _unasked(self) -> str:
        """The language that the next page would be in if its address did not say any."""
        return choose(browsers_language(), self._language) if self._language else SOURCE

    def _way(self, carried: str, path: str) -> str:
        address = f"{self._names.get('root', '')}{path}"
        return f"{address}{'&' if '?' in path else '?'}lang={carried}" if carried else address

    def asset(self, name: str) -> str:
        """The path of a static file below the service's root, different for different content."""
        return f"/assets/{sha256(self._files[name]).hexdigest()[:12]}/{name}"

    def file(self, name: str) -> Response | None:
        """A static file as an answer that may be kept for a year, or None when there is none of that name.

        Names are looked up among the files that were there at the start, never joined to a path.
        """
        content = self._files.get(name)
        if content is None:
            return None
        kind = _TYPES[name[name.rindex(".") :]]
        headers = {"cache-control": f"public, max-age={_YEAR}, immutable"}
        return Response(content, media_type=kind, headers=headers)

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self._folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
        environment.globals.update(self._names, page_language=language, page_direction=direction_of(language))
        # Two requests at once may each make one; they are alike, and the last stays.
        self._environments[language] = environment
        return environment
