"""What the studio's pages show, gathered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsletter.checks import check_edition
from newsletter.editions import with_web_images
from newsletter.studio.frames import SANDBOX
from newsletter.studio.look import Look, View
from newsletter.studio.modes import Mode
from newsletter.studio.proof import CLIP, CLIP_BEGINS, CLIP_NEARS, Proof, prove
from newsletter.studio.readers import MADE_UP, sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.config import PublicationSettings
    from newsletter.studio.readers import Reader, Readers
    from newsletter.studio.trouble import Trouble
    from newsletter.studio.workbench import Draft, Sheet, Workbench

#: How many issues a page of the list has; each is compiled when it is first shown.
PAGE = 25
#: About as many characters of a subject as common inboxes show.
SUBJECT_PHONE, SUBJECT_DESKTOP = 40, 70


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    sheet: Sheet
    trouble: Trouble | None
    words: int
    weight: int


@dataclass(frozen=True)
class Listing:
    """One page of the list; pages count from 1."""

    rows: tuple[Row, ...]
    page: int
    pages: int
    total: int


class Desk:
    """Brings together what the pages show of the issues on the workbench."""

    def __init__(self, workbench: Workbench, readers: Readers, clock: Callable[[], float]) -> None:
        self.workbench = workbench
        self.readers = readers
        self._clock = clock

    @property
    def publication(self) -> PublicationSettings:
        """The publication's settings as they are now."""
        return self.workbench.publication.settings.publication

    def listing(self, page: int) -> Listing:
        """The page of the list with that number, or the nearest that there is."""
        sheets = self.workbench.sheets()
        pages = max(1, -(-len(sheets) // PAGE))
        page = min(max(page, 1), pages)
        rows = tuple(self._row(sheet) for sheet in sheets[(page - 1) * PAGE : page * PAGE])
        return Listing(rows, page, pages, len(sheets))

    def _row(self, sheet: Sheet) -> Row:
        draft = self.workbench.draft(sheet)
        proof = self._prove(draft, MADE_UP[0])
        return Row(sheet, draft.trouble, proof.words if proof else 0, proof.weight if proof else 0)

    def proof(self, draft: Draft, look: Look) -> Proof | None:
        """What the reader of *look* gets of an issue; None if it never compiled."""
        return self._prove(draft, self.readers.choose(look.reader))

    def with_own_images(self, proof: Proof) -> str:
        """The HTML of *proof* with images as the studio has them, be they published yet, attached or not."""
        html = with_web_images(proof.html, proof.message.composer.edition, self.publication.url)
        return html.replace(f'"{self.publication.url}/media/', '"/media/')

    def _prove(self, draft: Draft, reader: Reader) -> Proof | None:
        if draft.pressed is None:
            return None
        return prove(draft.pressed, self.publication, reader, self._clock())

    def issue(self, draft: Draft, look: Look) -> dict[str, Any]:
        """All that the page of an issue shows."""
        reader = self.readers.choose(look.reader)
        pressed = draft.pressed
        findings = (
            check_edition(pressed.issue, pressed.document, pressed.edition, self.publication, pressed.theme)
            if pressed
            else []
        )
        name, address = sender(self.publication.sender)
        return {
            "draft": draft,
            "proof": self._prove(draft, reader),
            "findings": findings,
            "look": look,
            "views": View,
            "modes": Mode,
            "sandbox": SANDBOX,
            "reader": reader,
            "made_up": MADE_UP,
            "found": self.readers.search(look.find),
            "sender": {"name": name, "address": address},
            "limits": {"clip": CLIP, "begins": CLIP_BEGINS, "nears": CLIP_NEARS},
            "subject_limits": {"phone": SUBJECT_PHONE, "desktop": SUBJECT_DESKTOP},
        }
