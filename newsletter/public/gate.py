"""What stands before a form that makes us mail somebody: a trap, a proof of work or of reading, limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.notices.allowances import Limit, exhausted, spend
from newsletter.public.proof import LIFE, make_challenge, solved
from newsletter.web.proxies import network_of
from subscribers.keys import secret_keys
from subscribers.models import KeyPurpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request
    from sqlalchemy import Connection

    from newsletter.public.desk import Desk

#: For how long a form may stay open before it is sent.
FORM_LIFE = timedelta(days=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
#: A network may send so much less without a proof of work.
_SHARE_WITHOUT_PROOF = 4
#: The field that people do not see, and that programs fill in.
TRAP = "website"
_FORM = "form"


@dataclass(frozen=True)
class Visitor:
    """Who sent a form, as far as the connection tells."""

    ip: str
    user_agent: str

    @classmethod
    def of(cls, request: Request) -> Visitor:
        """The sender of *request*; behind a proxy, whoever the server says it is."""
        agent = request.headers.get("user-agent", "")
        printable = "".join(ch if ch.isprintable() else " " for ch in agent)
        return cls(request.client.host if request.client else "", printable[:300])


class Pass(Enum):
    """What the gate says of a form."""

    #: A browser did its sum.
    PROVED = auto()
    #: A form of ours that was open for a while.
    READ = auto()
    #: Neither: to be shown again, with what was entered.
    UNKNOWN = auto()
    #: The trap was filled in: to be answered as if all were well.
    TRAPPED = auto()
    #: Too much, from this network or from all.
    FLOOD = auto()


class Gate:
    """The gate of one service; its counters are in the database, the same for all processes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.publication.settings.signup

    def form_token(self) -> str:
        """What a form of ours has in it: when it was opened."""
        return self._desk.tokens.sign(_FORM, _FORM, until=self._desk.clock() + FORM_LIFE)

    def challenge(self) -> dict[str, object]:
        """A sum for a browser."""
        return make_challenge(self._keys[-1], self._settings.proof_of_work, self._desk.clock())

    def judge(self, sent: Mapping[str, str], visitor: Visitor) -> Pass:
        """Look at a form and at what was counted so far; nothing is written."""
        if sent.get(TRAP, "").strip():
            return Pass.TRAPPED
        way = Pass.PROVED if self._answer(sent) else Pass.READ if self._was_read(sent) else Pass.UNKNOWN
        if way is Pass.UNKNOWN:
            return way
        with self._desk.engine.connect() as connection:
            limits = self._shared_limits(visitor, way)
            over = exhausted(connection, self._keys[0], limits, self._desk.clock())
        return Pass.FLOOD if over else way

    def admit(
        self, connection: Connection, sent: Mapping[str, str], visitor: Visitor, way: Pass, address: str
    ) -> bool:
        """Count a form, in the transaction of what it does; whether it may do it.

        It is False without a word to the visitor: their address was entered too often, the sum was used
        before, or the last place was taken since `judge`.
        """
        limits = [
            *self._shared_limits(visitor, way),
            Limit(f"address {address}", self._settings.per_address, _DAY),
        ]
        if answer := self._answer(sent):
            limits.append(Limit(f"sum {answer[0]}", 1, LIFE))
        return not spend(connection, self._keys[0], limits, self._desk.clock())

    @cached_property
    def _keys(self) -> list[bytes]:
        return secret_keys(self._desk.engine, KeyPurpose.FORMS)

    def _shared_limits(self, visitor: Visitor, way: Pass) -> list[Limit]:
        network, most = network_of(visitor.ip, ipv4_bits=24), self._settings.per_network
        limits = [Limit("all", self._settings.per_hour, _HOUR), Limit(f"network {network}", most, _HOUR)]
        if way is Pass.READ and self._settings.proof_of_work:
            share = max(1, most // _SHARE_WITHOUT_PROOF)
            limits.append(Limit(f"network {network} without proof", share, _HOUR))
        return limits

    def _answer(self, sent: Mapping[str, str]) -> tuple[str, object] | None:
        answer = sent.get("altcha", "")
        return solved(answer, self._keys, self._desk.clock()) if answer else None

    def _was_read(self, sent: Mapping[str, str]) -> bool:
        grant = self._desk.tokens.grant(_FORM, sent.get(_FORM, ""))
        at = self._desk.clock()
        if grant is None or grant.until is None or not grant.good(at):
            return False
        return at - (grant.until - FORM_LIFE) >= timedelta(seconds=self._settings.form_seconds)
