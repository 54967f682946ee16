"""As whom an issue is looked at: a subscriber of the list, or one who is made up to be difficult."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.config import split_mailbox
from subscribers import SubscriberStore, addressees, parse_segment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Engine

#: How many subscribers a search shows.
FOUND = 8
_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True)
class Reader:
    """Somebody to look at an issue as; ``key`` names them in the page's address, without their own."""

    key: str
    label: str
    email: str
    name: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


def _made_up(key: str, label: str, first_name: str = "", last_name: str = "") -> Reader:
    email = "reader@example.com"
    name = f"{first_name} {last_name}".strip()
    said = {"email": email, "first_name": first_name, "last_name": last_name, "name": name}
    return Reader(key, label, email, name, {key: value for key, value in said.items() if value})


#: Those whom every list has sooner or later.
MADE_UP = (
    _made_up("example", "Example reader", "Alex", "Example"),
    _made_up("no-name", "Without a name"),
    _made_up(
        "long-name",
        "Very long name",
        "Maximiliana-Theodora Anna",
        "Wolfeschlegelsteinhausenbergerdorf",
    ),
    _made_up("other-script", "Right-to-left name", "ליאורה", "בן־דוד"),
    _made_up("emoji", "Emoji in the name", "Zoë 🏳️‍🌈", "👩🏽‍💻 O’Neill"),
)


class Readers:
    """The people to look as.

    Args:
        engine: the database of the list; None when there is none yet.
    """

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._store = SubscriberStore(engine) if engine is not None else None

    def attributes(self, declared: Collection[str] = ()) -> Collection[str] | None:
        """The names of custom attributes: *declared* ones and those of the list; None without either.

        A list of nobody knows of none, and nothing that an issue asks is wrong for that, as in a terminal.
        """
        if self._store is None or next(iter(self._store.list(limit=1)), None) is None:
            return set(declared) or None
        return {*declared, *self._store.attribute_names()}

    def choose(self, key: str) -> Reader:
        """The reader of that key; without one, the first subscriber, or the made-up one of an empty list."""
        made_up = {reader.key: reader for reader in MADE_UP}
        if key in made_up or self._store is None:
            return made_up.get(key, MADE_UP[0])
        if _PUBLIC_ID.fullmatch(key):
            profile = self._store.find_public(key)
        else:
            profile = next(iter(self._store.list(limit=1)), None)
        found = self._read([profile.id]) if profile else []
        return found[0] if found else MADE_UP[0]

    def search(self, term: str) -> list[Reader]:
        """The first few subscribers whose address contains *term*."""
        term = re.sub(r"[^\w.@+'-]", "", term.lower())
        if not term or self._store is None:
            return []
        segment = parse_segment(f"{json.dumps(term, ensure_ascii=False)} in email", None)
        return self._read([profile.id for profile in self._store.list(segment, limit=FOUND)])

    def _read(self, ids: list[int]) -> list[Reader]:
        """What a dispatch would know of these subscribers, by the same query."""
        if self._engine is None:
            return []
        with self._engine.connect() as connection:
            people = addressees(connection, ids)
        return [
            Reader(
                person.public_id,
                person.email,
                person.email,
                str(person.fields.get("name", "")),
                person.fields,
            )
            for person in (people[number] for number in ids if number in people)
        ]


def sender(mailbox: str) -> tuple[str, str]:
    """The name and the address that an inbox shows for a mailbox."""
    name, address = split_mailbox(mailbox)
    return name or address, address
