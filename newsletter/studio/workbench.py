"""The issues of a publication as they are on disk now, compiled, with the last good version kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING

from newsletter.checks import Subject
from newsletter.config import FILE_NAME, load_publication
from newsletter.editions import Context, split, with_lines
from newsletter.editions.media import SUFFIXES
from newsletter.editions.press import Pressed, press
from newsletter.errors import NewsletterError
from newsletter.issues import load_issue
from newsletter.studio.findings import Findings
from newsletter.studio.trouble import Trouble, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import date
    from pathlib import Path

    from newsletter.checks import Finding
    from newsletter.config import Publication
    from newsletter.editions import Piece


@dataclass(frozen=True)
class Sheet:
    """An issue file, read but not compiled; ``title`` is the file's name when it cannot be read."""

    path: Path
    slug: str
    title: str
    date: date | None
    readable: bool


@dataclass(frozen=True)
class Draft:
    """An issue file as it was last compiled.

    ``pressed`` is what the file gives or, while there is ``trouble``, what it gave when it last compiled;
    None if it never did; ``subject`` is the same for the checks. ``version`` differs whenever anything that
    the edition depends on differs.
    """

    sheet: Sheet
    pressed: Pressed | None
    trouble: Trouble | None
    version: str
    #: How long reading and compiling took, in seconds.
    seconds: float = 0.0
    subject: Subject | None = None

    checker: Findings = field(default_factory=Findings, repr=False)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks find; nothing if the issue never compiled.

        Raises:
            ConfigError: the settings name a rule that does not exist.
        """
        return self.checker.of(self.subject) if self.subject else ()

    @property
    def known_findings(self) -> tuple[Finding, ...] | None:
        """The same if it was told before of the same content, else None."""
        if "findings" in self.__dict__:
            return self.findings
        return self.checker.known(self.subject) if self.subject else ()

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The edition's HTML with the lines of the issue that it came from, to be filled in for a reader."""
        if self.subject is None:
            return ()
        edition = self.subject.edition
        return split(with_lines(edition.html, self.subject.places), edition, Context.HTML)


class Workbench:
    """Reads and compiles issues when they are asked for, and again only when a file changed.

    Args:
        publication: whose issues they are; ``newsletter.toml`` is read again when it changes.
        attributes: tells the names of the subscribers' custom attributes, or None when there is no list.
    """

    def __init__(self, publication: Publication, attributes: Callable[[], Collection[str] | None]) -> None:
        self.publication = publication
        self._attributes = attributes
        self._settings_trouble: Trouble | None = None
        self._settings_version = _version([publication.root / FILE_NAME])
        self._sheets: dict[Path, tuple[str, Sheet]] = {}
        self._drafts: dict[Path, Draft] = {}
        self._checker = Findings()
        #: The name of the issue that was found last.
        self._latest: str | None = None
        self._lock = RLock()  # requests are answered by many threads

    def sheets(self) -> list[Sheet]:
        """All issues: first those that cannot be read, then by date, the newest first."""
        with self._lock:
            sheets = [self._sheet(path) for path in sorted(self.publication.issues.glob("*.md"))]
        dated = sorted(sheets, key=lambda sheet: (str(sheet.date or ""), sheet.slug), reverse=True)
        return sorted(dated, key=lambda sheet: sheet.readable)

    def find(self, name: str) -> Draft | None:
        """The issue with the slug, or else the file name, *name*; None when there is none.

        Names are compared with those of the files that are there, never joined to a path.
        """
        sheets = self.sheets()
        named = [sheet for sheet in sheets if sheet.slug == name]
        named += [sheet for sheet in sheets if sheet.path.stem == name]
        if not named:
            return None
        self._latest = name
        return self.draft(named[0])

    def again(self) -> Draft | None:
        """What was asked for last, compiled once more if it changed, before anybody asks."""
        return self.find(self._latest) if self._latest is not None else None

    def image(self, name: str) -> Path | None:
        """The file of an image that an issue shows, by its published name."""
        with self._lock:
            shown = [
                image for draft in self._drafts.values() if draft.pressed for image in draft.pressed.images
            ]
        return next((image.path for image in shown if image.name == name and image.path.is_file()), None)

    def draft(self, sheet: Sheet) -> Draft:
        """*sheet* compiled."""
        return self.drafts([sheet])[0]

    def drafts(self, sheets: Iterable[Sheet]) -> list[Draft]:
        """The *sheets* compiled; what all of them depend on is looked at once."""
        with self._lock:
            self._refresh_settings()
            attributes = self._attributes()
            around = _version(
                [*self._theme_files(), *self._images()], self._settings_version, *sorted(attributes or ())
            )
            return [self._draft(sheet, _version([sheet.path], around), attributes) for sheet in sheets]

    def _draft(self, sheet: Sheet, version: str, attributes: Collection[str] | None) -> Draft:
        known = self._drafts.get(sheet.path)
        if known is None or known.version != version:
            known = self._compiled(sheet, version, attributes, known)
            self._drafts[sheet.path] = known
        return known

    def _theme_files(self) -> list[Path]:
        themes = self.publication.themes
        return sorted(themes.rglob("*")) if themes.is_dir() else []

    def _images(self) -> list[Path]:
        """The images beside the issues, any of which an issue may show."""
        return sorted(path for path in self.publication.issues.rglob("*") if path.suffix.lower() in SUFFIXES)

    def _compiled(
        self, sheet: Sheet, version: str, attributes: Collection[str] | None, last: Draft | None
    ) -> Draft:
        pressed, subject = (last.pressed, last.subject) if last else (None, None)
        trouble, begun = self._settings_trouble, perf_counter()
        if trouble is None:
            try:
                pressed = press(self.publication, sheet.path, attributes)
                subject = Subject.of(pressed, self.publication.settings)
            except NewsletterError as error:
                trouble = explain(error, self.publication.root)
        seconds = 0.0 if trouble else perf_counter() - begun
        return Draft(sheet, pressed, trouble, version, seconds, subject, self._checker)

    def _sheet(self, path: Path) -> Sheet:
        """Read a file, unless it was read already; one that breaks keeps the slug that it had."""
        version = _version([path])
        known = self._sheets.get(path)
        if known and known[0] == version:
            return known[1]
        try:
            issue = load_issue(path)
            sheet = Sheet(path, issue.slug, issue.title, issue.date, readable=True)
        except NewsletterError:
            last = known[1] if known else Sheet(path, path.stem, path.name, None, readable=False)
            sheet = Sheet(path, last.slug, last.title, last.date, readable=False)
        self._sheets[path] = (version, sheet)
        return sheet

    def _refresh_settings(self) -> None:
        version = _version([self.publication.root / FILE_NAME])
        if version == self._settings_version:
            return
        self._settings_version = version
        try:
            self.publication = load_publication(self.publication.root)
            self._settings_trouble = None
        except NewsletterError as error:
            self._settings_trouble = explain(error, self.publication.root)


def _version(paths: Iterable[Path], *more: str) -> str:
    """A short text that is different when one of the files was written, came or went."""
    digest = sha256("\n".join(more).encode())
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            continue  # it went between being listed and being looked at
        digest.update(f"\n{path}:{stat.st_mtime_ns}:{stat.st_size}:{stat.st_ino}".encode())
    return digest.hexdigest()[:16]
