"""A reader who joins, without a browser: forms, sums, and the mail that comes back."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

from sqlalchemy import select
from webclient import WebClient

from newsletter.config import Publication, Settings
from newsletter.notices.handing_over import Desk, hand_over
from newsletter.notices.tables import NOTICE
from newsletter.public import create_app
from subscribers import SubscriberStore

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

NOON = datetime(2026, 4, 11, 12, tzinfo=UTC)


def solve(challenge: dict) -> str:
    """The answer to a challenge, as a browser sends it."""
    for number in range(challenge["maxnumber"] + 1):
        if hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest() == challenge["challenge"]:
            said = {**challenge, "number": number}
            del said["maxnumber"]
            return b64encode(json.dumps(said).encode()).decode()
    raise AssertionError("the challenge has no answer")


def mails_in(folder: Path, engine: Engine) -> list[EmailMessage]:
    """The mails of notices in a folder of the outbox, as they were asked for.

    A file system may give the same moment to all that is written within some milliseconds.
    """
    with engine.connect() as connection:
        names = connection.scalars(select(NOTICE.c.name).order_by(NOTICE.c.id)).all()
    files = [file for name in names if (file := folder / f"{name}.eml").exists()]
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


@dataclass
class Service:
    """The readers' web service in this process, with a clock that is set by hand."""

    root: Path
    engine: Engine
    signup: dict = field(default_factory=dict)
    time: datetime = NOON
    address: str = "127.0.0.1"

    def __post_init__(self) -> None:
        said = {
            "name": "Field Notes",
            "from": "Field Notes <notes@example.com>",
            "url": "https://notes.example.com",
            "postal_address": "1 Example Street",
        }
        settings = Settings(publication=said, signup={"proof_of_work": 50, **self.signup})
        self.publication = Publication(self.root, settings)
        app = create_app(self.publication, self.engine, clock=lambda: self.time)

        async def from_elsewhere(scope, receive, send):
            await app({**scope, "client": (self.address, 1)}, receive, send)

        self.client = WebClient(from_elsewhere)
        self.store = SubscriberStore(self.engine, clock=lambda: self.time)

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.time += timedelta(**span)

    def form(self, path: str = "/subscribe") -> dict:
        """The hidden fields of the form, as a browser without scripts would send them, after it was read."""
        page = self.client.get(path).text
        self.later(seconds=5)
        return {"form": re.search(r'name="form" value="([^"]+)"', page)[1], "from": "page"}

    def join(self, email: str, *, proof: bool = True, **options):
        """Sign up; the answer."""
        headers = options.pop("headers", {})
        data = {"email": email, **options}
        if proof:
            data["altcha"] = solve(self.client.get("/subscribe/challenge").json())
        else:
            data |= self.form()
        return self.client.post("/subscribe", data=data, headers=headers)

    def deliver(self, provider=None) -> dict:
        """Hand over the notices that are due."""
        return dict(hand_over(Desk(self.publication, self.engine, lambda: self.time, provider)))

    def mails(self) -> list[EmailMessage]:
        """Hand over what is due, and all mails that ever were, as they were asked for."""
        self.deliver()
        return mails_in(self.root / "outbox" / "notices", self.engine)

    def link(self, mail: EmailMessage) -> str:
        """The path of the one link in a mail."""
        text = mail.get_body(("plain",)).get_content()
        return re.search(r"https://notes\.example\.com(/\w+/\S+)", text)[1]

    def status(self, email: str):
        """How the list knows an address; None for not at all."""
        profile = self.store.find(email)
        return profile.status if profile else None
