"""Server-rendered pages from a folder of Jinja templates, and the files that they need."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_YEAR = 365 * 24 * 3600


class Pages:
    """The pages of one web service.

    Args:
        folder: where the templates (``NAME.html.j2``) and static files (``*.css``, ``*.js``, ``*.svg``) are.
        names: what every template may use.
    """

    def __init__(self, folder: Path, names: Mapping[str, object]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
        self._environment.globals.update(names)
        self._environment.globals["asset"] = self.asset
        self._files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in _TYPES}

    def page(self, name: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """The page ``NAME.html.j2`` filled with *context*, as an answer with *status*."""
        return HTMLResponse(self.render(name, context), status_code=status)

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """The page ``NAME.html.j2`` filled with *context*."""
        return self._environment.get_template(f"{name}.html.j2").render(context)

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
