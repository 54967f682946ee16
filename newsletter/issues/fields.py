"""The keys of front matter that the press knows, and what their values must be."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, NoReturn

from newsletter.config.values import LANGUAGE_TAG
from newsletter.errors import IssueError, at, did_you_mean
from newsletter.issues.model import Author

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.issues.frontmatter import FrontMatter

KNOWN = frozenset(
    {
        "title",
        "date",
        "subject",
        "preheader",
        "authors",
        "language",
        "dir",
        "theme",
        "segment",
        "topic",
        "slug",
        "toc",
        "images",
        "tracking",
        "archive",
    }
)
#: What may be said of an author.
_AUTHOR_KEYS = ("name", "url", "image", "about")
_ALIASES = {"author": "authors"}
#: What many write for a cover, and what is no slip although it is near to a key.
_FREE = frozenset({"image"})
#: Likeness above which an unknown key is taken for a slip; ``header`` must still pass beside ``preheader``.
_NEAR = 0.81
_SLUG = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_BROKEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Fields:
    """The front matter of one issue, read key by key; every error names the file and the line of the key."""

    def __init__(self, matter: FrontMatter, path: Path | None) -> None:
        self._path = path
        self._style = matter.style
        self._values: dict[str, object] = {}
        self.lines: dict[str, int] = {}
        for key, value in matter.values.items():
            name = _ALIASES.get(key, key)
            line = matter.lines.get(key, 1)
            if name in self._values:
                self._refuse(line, f"`{key}` and `{name}` mean the same", "keep one of the two")
            if name not in KNOWN | _FREE and (
                near := get_close_matches(name.lower(), KNOWN | set(_ALIASES), 1, _NEAR)
            ):
                self._refuse(line, f"`{key}` is not a key of front matter", f"did you mean `{near[0]}`?")
            self._values[name], self.lines[name] = value, line

    @property
    def extra(self) -> dict[str, object]:
        """The keys that are the editor's own."""
        return {key: value for key, value in self._values.items() if key not in KNOWN}

    def text(self, key: str) -> str:
        """The text of *key*, or an empty text when it is not given."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(key, f"is {_kind(value)}, not text", f'put it in quotes: `{key}: "…"`')
        return self._checked(key, value)

    def credits(self) -> tuple[Author, ...]:
        """Who wrote it: a name, or a list of names and of tables ``{name, url, image, about}``.

        Pelican's style separates names by ``;`` or ``,``.
        """
        value = self._values.get("authors")
        if isinstance(value, dict):
            value = [value]
        if isinstance(value, list):
            authors = [self._author(each) for each in value]
        else:
            text = self.text("authors")
            separator = ";" if ";" in text else ","
            authors = [Author(name.strip()) for name in self._names(text, separator)]
        return tuple(author for author in authors if author.name)

    def _names(self, text: str, separator: str) -> list[str]:
        return text.split(separator) if self._style == "pelican" else [text]

    def _author(self, value: object) -> Author:
        if isinstance(value, str):
            return Author(self._checked("authors", value))
        if not isinstance(value, dict):
            self._wrong("authors", "has something in it that is no name", "write a list of texts")
        for key, said in value.items():
            if key not in _AUTHOR_KEYS:
                self._wrong("authors", f"`{key}` is not known of an author", did_you_mean(key, _AUTHOR_KEYS))
            if not isinstance(said, str):
                self._wrong("authors", f"`{key}` is {_kind(said)}, not text", "put it in quotes")
        said = {key: self._checked("authors", str(text)) for key, text in value.items()}
        if not said.get("name"):
            self._wrong("authors", "has an entry without a name", "write `name:` first")
        return Author(**said)

    def _checked(self, key: str, text: str) -> str:
        return check_text(key, text.strip(), self._path, self.lines[key])

    def toc(self) -> bool:
        """Whether the issue asks for a table of contents after its lead."""
        return self.yes_or_no("toc") or False

    def archive(self) -> bool | None:
        """Whether the archive shows the issue to everybody, if the issue says so."""
        return self.yes_or_no("archive")

    def yes_or_no(self, key: str) -> bool | None:
        """Whether *key* is true; None when it is not given."""
        value = self._values.get(key)
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            value = value.strip().lower() == "true"  # Pelican's style knows texts only
        if value is not None and not isinstance(value, bool):
            self._wrong(key, f"is {_kind(value)}, neither true nor false", f"write `{key}: true`")
        return value

    def images(self) -> Literal["publish", "attach"] | None:
        """Whether local images are published on the web or attached, if the issue says so."""
        text = self.text("images").strip().lower()
        if text == "publish":
            return "publish"
        if text == "attach":
            return "attach"
        if text:
            self._wrong("images", f"`{text}` is neither of its two values", "write `publish` or `attach`")
        return None

    def date(self) -> date | None:
        """The day of the issue; of a date with a time, the day as written."""
        value = self._values.get("date")
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                self._wrong("date", f"`{value}` is no date", "write it as YYYY-MM-DD")
        if isinstance(value, datetime):
            return value.date()
        if value is not None and not isinstance(value, date):
            self._wrong("date", f"is {_kind(value)}, not a date", "write it as YYYY-MM-DD, without quotes")
        return value

    def direction(self) -> Literal["ltr", "rtl"] | None:
        """In which direction the text runs, if the issue says so."""
        text = self.text("dir").lower()
        if text == "ltr":
            return "ltr"
        if text == "rtl":
            return "rtl"
        if text:
            self._wrong("dir", f"`{text}` is no direction", "write `ltr` or `rtl`")
        return None

    def language(self) -> str | None:
        """The language tag of the issue, if it has one."""
        if self._values.get("language") is False:
            self._wrong("language", "`no` means “false” in YAML", 'put it in quotes: `language: "no"`')
        text = self.text("language")
        if text and not LANGUAGE_TAG.fullmatch(text):
            self._wrong("language", f"`{text}` is no language tag", "write it as `en`, `de` or `pt-BR`")
        return text or None

    def slug(self) -> str | None:
        """The name of the issue in addresses and file names, if its front matter gives one."""
        text = self.text("slug")
        if text and not _SLUG.fullmatch(text):
            self._wrong("slug", f"`{text}` is no slug", "use lower-case letters a to z, digits and hyphens")
        return text or None

    def _wrong(self, key: str, what: str, hint: str) -> NoReturn:
        self._refuse(
            self.lines[key], f"`{key}` {what}" if not what.startswith("`") else f"`{key}`: {what}", hint
        )

    def _refuse(self, line: int, what: str, hint: str) -> NoReturn:
        raise IssueError(what, where=at(self._path, line), hint=hint)


def check_text(key: str, text: str, path: Path | None, line: int) -> str:
    """*text*, unless it has characters in it that would break a header or a line.

    Raises:
        IssueError: it has a control character, a lone surrogate, or a line or paragraph separator.
    """
    for character in text:
        if unicodedata.category(character) in _BROKEN:
            raise IssueError(
                f"`{key}` has a control character in it (U+{ord(character):04X})",
                where=at(path, line),
                hint="write it on one line, without tabs",
            )
    return text


def _kind(value: object) -> str:
    names = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
    }
    if isinstance(value, date):
        return "a date"
    return names.get(type(value), "something else")
