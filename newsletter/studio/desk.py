"""What the studio's pages show of issues, gathered."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from newsletter.checks import CLIP, CLIP_WARNS, INBOXES
from newsletter.editions import Context, render, split, with_web_images
from newsletter.errors import NewsletterError
from newsletter.measures import find_zone
from newsletter.review import Comment, Review, anchored, read_review
from newsletter.studio.access import EVERYTHING, Grant
from newsletter.studio.audience import count_seen, segment_names
from newsletter.studio.differences import compare
from newsletter.studio.dispatched import latest_dispatches
from newsletter.studio.editing import Editor
from newsletter.studio.frames import SANDBOX, frame
from newsletter.studio.look import PHONE_WIDTH, WIDTHS, Look, View
from newsletter.studio.modes import Mode
from newsletter.studio.proof import Proof, proof_values, prove
from newsletter.studio.readers import MADE_UP, sender
from newsletter.studio.trouble import explain
from newsletter.studio.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from newsletter.checks import Finding
    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition
    from newsletter.studio.dispatched import Dispatched
    from newsletter.studio.readers import Reader, Readers
    from newsletter.studio.trouble import Trouble
    from newsletter.studio.versions import Earlier
    from newsletter.studio.workbench import Draft, Sheet, Workbench

#: How many issues a page of the list has; each is compiled when it is first shown.
PAGE = 25


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    sheet: Sheet
    trouble: Trouble | None
    words: int
    weight: int
    approved: bool
    #: Approved once, and changed since.
    void: bool
    comments: int
    #: None while they are not known.
    findings: tuple[Finding, ...] | None
    #: None if it never was.
    dispatched: Dispatched | None


@dataclass(frozen=True)
class Listing:
    """One page of the list; pages count from 1."""

    rows: tuple[Row, ...]
    page: int
    pages: int
    total: int
    find: str = ""


@dataclass(frozen=True)
class Pinned:
    """A comment, and the line on which what it is pinned to stands now; None where that is gone."""

    comment: Comment
    line: int | None


class Desk:
    """Brings together what the pages show of the issues on the workbench.

    Args:
        workbench: the issues.
        readers: as whom they are looked at.
        clock: tells the time that a proof bears, in seconds since the epoch.
        engine: the database; None when there is none yet.
    """

    def __init__(
        self, workbench: Workbench, readers: Readers, clock: Callable[[], float], engine: Engine | None = None
    ) -> None:
        self.workbench = workbench
        self.readers = readers
        self.versions = Versions(workbench, engine)
        self.engine = engine
        self._clock = clock
        self._framed, self._framing = ("", ""), Lock()
        self._sizes: dict[Path, tuple[str, tuple[int, int]]] = {}

    @property
    def publication(self) -> PublicationSettings:
        """The publication's settings as they are now."""
        return self.workbench.publication.settings.publication

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the publication."""
        return find_zone(self.publication.time_zone)

    def listing(self, page: int, find: str = "") -> Listing:
        """The page of the list with that number, or the nearest that there is, of issues with these words."""
        sheets = self.workbench.sheets()
        if words := find.casefold().split():
            sheets = [sheet for sheet in sheets if _holds(sheet, words)]
        pages = max(1, -(-len(sheets) // PAGE))
        page = min(max(page, 1), pages)
        shown = sheets[(page - 1) * PAGE : page * PAGE]
        dispatched = latest_dispatches(self.engine, [sheet.slug for sheet in shown])
        rows = tuple(
            self._row(draft, dispatched.get(draft.sheet.slug)) for draft in self.workbench.drafts(shown)
        )
        return Listing(rows, page, pages, len(sheets), find)

    def _row(self, draft: Draft, dispatched: Dispatched | None) -> Row:
        words, weight = self._size(draft)
        review, _ = self.review(draft)
        approved = draft.pressed is not None and review.approval(draft.pressed.edition.digest) is not None
        return Row(
            draft.sheet,
            draft.trouble,
            words,
            weight,
            approved and not draft.trouble,
            not approved and review.latest is not None,
            len(review.open),
            draft.known_findings,
            dispatched,
        )

    def _size(self, draft: Draft) -> tuple[int, int]:
        """How many words an issue has, and how many bytes its HTML; worked out once for each version."""
        known = self._sizes.get(draft.sheet.path)
        if known is None or known[0] != draft.version:
            proof = self._prove(draft, MADE_UP[0])
            marks = draft.subject.tracking_bytes if draft.subject else 0
            size = (proof.words, proof.weight + marks) if proof else (0, 0)
            self._sizes[draft.sheet.path] = known = (draft.version, size)
        return known[1]

    def reader(self, key: str, grant: Grant = EVERYTHING) -> Reader:
        """The reader of that key; with a share link, nobody of the list."""
        if not grant.everything:
            return next((each for each in MADE_UP if each.key == key), MADE_UP[0])
        return self.readers.choose(key)

    def proof(self, draft: Draft, look: Look, grant: Grant = EVERYTHING) -> Proof | None:
        """What the reader of *look* gets of an issue; None if it never compiled."""
        return self._prove(draft, self.reader(look.reader, grant))

    def frame(self, draft: Draft, look: Look, grant: Grant, *, lines: bool) -> str | None:
        """The document of a frame; None if the issue never compiled. The frames of a page are often alike."""
        reader = self.reader(look.reader, grant)
        key = f"{draft.version} {look.mode} {lines} {self.publication.url} {reader}"
        with self._framing:
            if self._framed[0] != key:
                if draft.pressed is None:
                    return None
                html = self._framed_html(draft, draft.pressed.edition, reader, lines=lines)
                self._framed = key, frame(html, look.mode)
            return self._framed[1]

    def _framed_html(self, draft: Draft, edition: Edition, reader: Reader, *, lines: bool) -> str:
        """The HTML of the proof for *reader*; no more of it is made, since somebody waits for the frame."""
        pieces = draft.pieces if lines else split(edition.html, edition, Context.HTML)
        html = render(pieces, proof_values(edition, self.publication, reader))
        return self.with_own_images(html, edition)

    def with_own_images(self, html: str, edition: Edition) -> str:
        """*html* with the images of its *edition* as the studio has them, published, attached or neither."""
        html = with_web_images(html, edition, self.publication.url)
        return html.replace(f'"{self.publication.url}/media/', '"/media/')

    def earlier(self, draft: Draft, look: Look, grant: Grant = EVERYTHING) -> tuple[Earlier, Proof] | None:
        """The version that *look* compares with, and what its reader got of it; None if there is none.

        Raises:
            NewsletterError: it does not compile.
        """
        found = self.versions.read(draft, look.against)
        if found is None:
            return None
        reader = self.reader(look.reader, grant)
        return found, prove(found.edition, found.images, self.publication, reader, self._clock())

    def _prove(self, draft: Draft, reader: Reader) -> Proof | None:
        if draft.pressed is None:
            return None
        pressed = draft.pressed
        return prove(pressed.edition, pressed.contents(), self.publication, reader, self._clock())

    def review(self, draft: Draft) -> tuple[Review, str]:
        """What was said of an issue; if that cannot be read, nothing, and why."""
        try:
            return read_review(draft.sheet.path), ""
        except NewsletterError as error:
            return Review(), f"{error.where}: {error.what}"

    @property
    def editor(self) -> Editor:
        """What opens a file."""
        return Editor(self.workbench.publication.settings.studio.editor)

    def issue(self, draft: Draft, look: Look, grant: Grant = EVERYTHING) -> dict[str, Any]:
        """All that the page of an issue shows."""
        reader = self.reader(look.reader, grant)
        name, address = sender(self.publication.sender)
        source = _lines(draft)
        review, unreadable = self.review(draft)
        return {
            "draft": draft,
            "digest": draft.pressed.edition.digest if draft.pressed else "",
            "proof": self._prove(draft, reader),
            "findings": draft.findings,
            "look": look,
            "views": View,
            "modes": Mode,
            "widths": WIDTHS,
            "phone_width": PHONE_WIDTH,
            "sandbox": SANDBOX,
            "reader": reader,
            "made_up": MADE_UP,
            "found": self.readers.search(look.find) if grant.everything else [],
            "sender": {"name": name, "address": address},
            "limits": _limits(self.workbench.publication.settings.checks.html_bytes),
            "clients": INBOXES,
            "source": source,
            "editor": self.editor,
            "grant": grant,
            "review": review,
            "unreadable": unreadable,
            "required": self.workbench.publication.settings.review.approval == "required",
            "pinned": [Pinned(each, anchored(each, source)) for each in review.comments],
            **self._of_view(draft, look, grant),
        }

    def _of_view(self, draft: Draft, look: Look, grant: Grant) -> dict[str, Any]:
        """What one view alone shows."""
        if draft.pressed is None:
            return {}
        if look.view is View.READERS:
            engine = self.engine if grant.everything else None
            return {
                "seen": count_seen(engine, draft.pressed, look.among),
                "segments": segment_names(engine),
                "cases": [(each, self._prove(draft, each)) for each in MADE_UP],
            }
        if look.view is View.PAIR:
            return {"other": self.reader(look.other or "no-name", grant)}
        if look.view is View.CHANGES:
            return self._changes(draft, look, grant)
        return {}

    def _changes(self, draft: Draft, look: Look, grant: Grant) -> dict[str, Any]:
        versions = self.versions.of(draft)
        try:
            found = self.earlier(draft, look, grant)
        except NewsletterError as error:
            return {
                "versions": versions,
                "chosen": look.against,
                "failed": explain(error, self.workbench.publication.root),
            }
        if found is None:
            return {"versions": versions, "chosen": "", "failed": None, "earlier": None}
        earlier, before = found
        after = self.proof(draft, look, grant) or before
        return {
            "versions": versions,
            "chosen": earlier.version.key,
            "failed": None,
            "earlier": earlier,
            "before": before,
            "changes": compare(before.text, after.text),
            "of_subject": compare(before.subject, after.subject),
            "of_preheader": compare(before.preheader, after.preheader),
        }


def _limits(begins: int) -> dict[str, int]:
    """Where Gmail cuts a mail off: when the checks warn, from where it *begins*, and at the latest."""
    return {"nears": min(CLIP_WARNS, begins), "begins": begins, "clip": max(CLIP, begins)}


def _holds(sheet: Sheet, words: Sequence[str]) -> bool:
    """Whether an issue's file has all *words*, which are case-folded."""
    try:
        text = sheet.path.read_text(encoding="utf-8", errors="replace").casefold()
    except OSError:
        return False
    return all(word in text for word in words)


def _lines(draft: Draft) -> Sequence[str]:
    """The lines of the issue's file as it is now."""
    try:
        return draft.sheet.path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
