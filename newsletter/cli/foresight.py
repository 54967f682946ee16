"""What a dry run foresees: whom a dispatch would skip, for want of a value or of a usable address."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from newsletter.editions.merge import MissingValue
from newsletter.messages import Composer, Recipient, UnmailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from newsletter.cli.session import Session
    from newsletter.editions.press import Pressed
    from newsletter.providers import Provider

_LINKS = {
    "unsubscribe": "https://example.com",
    "preferences": "https://example.com",
    "web": "https://example.com",
}


class Foresight:
    """Shown the recipients of a plan batch by batch, it counts who could not be mailed, by reason."""

    def __init__(self, session: Session, pressed: Pressed, provider: Provider) -> None:
        self._store = session.store
        self._smtputf8 = provider.smtputf8
        self._composer = Composer(pressed.edition, session.envelope(pressed.edition.slug), pressed.contents())
        self.skips: Counter[str] = Counter()

    def __call__(self, connection: Connection, ids: Sequence[int]) -> None:
        """Count those of *ids* for whom no message can be made."""
        now = time.time()
        for person in self._store.addressees(connection, ids).values():
            recipient = Recipient(person.email, str(person.fields.get("name", "")), person.fields, _LINKS)
            try:
                self._composer.compose(recipient, "foreseen", now, smtputf8=self._smtputf8)
            except MissingValue as error:
                self.skips[error.reason] += 1
            except UnmailableError as error:
                self.skips[error.what] += 1
