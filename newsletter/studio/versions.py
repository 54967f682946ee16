"""What an issue can be compared with: the issue before it, the file in Git, the editions that were sent."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.delivery.models import DISPATCH
from newsletter.editions import Edition, compile_issue, load_theme, read_images, read_theme_images
from newsletter.errors import IssueError
from newsletter.issues import parse_document, parse_issue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.studio.workbench import Draft, Workbench

#: Git answers a question about one file in milliseconds; something is wrong if it takes so many seconds.
PATIENCE = 10
_HEAD = "git"
_ISSUE = "issue:"
_DISPATCH = "dispatch:"


@dataclass(frozen=True)
class Version:
    """Something to compare with; ``key`` names it in the page's address."""

    key: str
    label: str


@dataclass(frozen=True)
class Earlier:
    """A version that was read: its edition, its attached images, and its source if it has one."""

    version: Version
    edition: Edition
    images: Mapping[str, bytes]
    source: str = ""


class Versions:
    """The versions that there are of the issues on the workbench.

    Args:
        workbench: the issues.
        engine: the database with the editions that were sent; None when there is none yet.
    """

    def __init__(self, workbench: Workbench, engine: Engine | None) -> None:
        self._workbench = workbench
        self._engine = engine

    def of(self, draft: Draft) -> list[Version]:
        """What *draft* can be compared with: the editions that were sent, the file in Git, other issues."""
        found = [Version(_DISPATCH + name, f"As sent: {name}") for name in self._dispatches(draft.sheet.slug)]
        if _in_git(draft.sheet.path):
            found.append(Version(_HEAD, "Last commit in Git"))
        others = [
            sheet for sheet in self._workbench.sheets() if sheet.readable and sheet.slug != draft.sheet.slug
        ]
        when = str(draft.sheet.date or "9999")
        before = [
            sheet for sheet in others if str(sheet.date or "") <= when
        ]  # the latest first, as the list is
        after = [sheet for sheet in others if sheet not in before]
        found += [
            Version(_ISSUE + sheet.slug, f"Issue: {sheet.title}")
            for sheet in (*before, *reversed(after))[:12]
        ]
        return found

    def read(self, draft: Draft, key: str) -> Earlier | None:
        """The version of *draft* with that key, or the first there is if *key* is empty; None without any.

        Raises:
            NewsletterError: it does not compile, or Git does not answer.
        """
        versions = self.of(draft)
        version = next((each for each in versions if each.key == key), None)
        if version is None and not key and versions:
            version = versions[0]
        if version is None:
            return None
        if version.key.startswith(_DISPATCH):
            return self._sent(version)
        if version.key == _HEAD:
            return self._committed(draft, version)
        return self._issue(version)

    def _dispatches(self, slug: str) -> list[str]:
        if self._engine is None:
            return []
        query = select(DISPATCH.c.name).where(DISPATCH.c.slug == slug).order_by(DISPATCH.c.id.desc()).limit(5)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def _sent(self, version: Version) -> Earlier | None:
        name = version.key.removeprefix(_DISPATCH)
        edition = frozen_edition(self._engine, name)
        return (
            Earlier(version, edition, {each.name: b"" for each in edition.attachments}) if edition else None
        )

    def _issue(self, version: Version) -> Earlier | None:
        other = self._workbench.find(version.key.removeprefix(_ISSUE))
        if other is None or other.pressed is None:
            return None
        return Earlier(version, other.pressed.edition, other.pressed.contents(), _text(other.sheet.path))

    def _committed(self, draft: Draft, version: Version) -> Earlier:
        source = committed(draft.sheet.path)
        edition = _compiled(self._workbench.publication, draft.sheet.path, source, draft.sheet.slug)
        return Earlier(version, edition, {each.name: b"" for each in edition.attachments}, source)


def frozen_edition(engine: Engine | None, dispatch: str) -> Edition | None:
    """The edition that a dispatch froze; None when there is no such dispatch."""
    if engine is None:
        return None
    with engine.connect() as connection:
        text = connection.scalar(select(DISPATCH.c.edition).where(DISPATCH.c.name == dispatch))
    return Edition.from_json(text) if text else None


def committed(path: Path) -> str:
    """The text of the file at *path* in the last commit of its repository.

    Raises:
        IssueError: Git does not know it, or does not answer.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words and the name of a file that we listed
            [_git(), "-C", str(path.parent), "show", f"HEAD:./{path.name}"],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise IssueError(
            "Git has no earlier version of this file", where=str(path), hint="commit it, then change it"
        ) from error
    return answer.stdout.decode("utf-8", "replace")


@lru_cache(maxsize=1)
def _git() -> str:
    return shutil.which("git") or "git"


def _in_git(path: Path) -> bool:
    """Whether the file is in a repository, as far as its folders tell."""
    return (
        any((folder / ".git").exists() for folder in path.resolve().parents)
        and shutil.which("git") is not None
    )


def _compiled(publication: Publication, path: Path, source: str, slug: str) -> Edition:
    issue = parse_issue(source, path, slug)
    settings = publication.settings.publication
    theme = load_theme(issue.theme or settings.theme, publication.themes)
    document = parse_document(issue)
    images = read_theme_images(theme, publication.root) | read_images(issue, document, publication.root)
    return compile_issue(issue, theme, settings, images=images, document=document)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
