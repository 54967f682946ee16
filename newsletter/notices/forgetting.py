"""Erasure beyond the list: in the ledger, in notices, and in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from newsletter.delivery import files_of, forget_recipient
from newsletter.notices.tables import NOTICE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

#: The folder of the outbox with notices, and the name under which the provider knows them.
DISPATCH = "notices"


class Forgetting:
    """Forgets in the ledger and in notices with the list, and then, when that is durable, in the outbox.

    ``with Forgetting(outbox) as along: store.erase(who, along=along)``.
    """

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._files: list[Path] = []

    def __enter__(self) -> Callable[[Connection, int, str], None]:
        return self._forget

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for file in self._files if kind is None else ():
            file.unlink(missing_ok=True)

    def _forget(self, connection: Connection, subscriber_id: int, address: str) -> None:
        self._files += files_of(connection, subscriber_id, self._outbox)
        mine = NOTICE.c.subscriber_id == subscriber_id
        names = connection.scalars(select(NOTICE.c.name).where(mine))
        self._files += [self._outbox / DISPATCH / f"{name}.eml" for name in names]
        connection.execute(delete(NOTICE).where(mine))
        forget_recipient(connection, subscriber_id, address)
