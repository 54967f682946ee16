"""Handing notices over to the provider: never twice blindly, and never lost."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from typing import TYPE_CHECKING

from newsletter.delivery.identity import worker_name
from newsletter.delivery.pace import PATIENT, Limits, Pace
from newsletter.editions.theme import load_theme
from newsletter.errors import ProviderError
from newsletter.messages import Composer, Recipient
from newsletter.messages.message import UnmailableError
from newsletter.messages.return_path import ReturnPath
from newsletter.notices.forgetting import DISPATCH
from newsletter.notices.queue import Claimed, any_open, claim, put_back, record, settle_lost
from newsletter.notices.tables import NoticeKind, NoticeState
from newsletter.notices.writing import Matter, notice_envelope, write_notice
from newsletter.providers import Outcome, Verdict, make_provider
from subscribers import Tokens, now
from subscribers.topics import list_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.messages import Message
    from newsletter.providers import Provider

#: So many are composed and handed over at a time: so many a crash leaves in doubt, at most.
WINDOW = 20
#: How long to wait before the second try, and at most; doubled from try to try.
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(hours=2)
_MOST_TRIES = 20
#: The pages that the links in notices open.
_PAGES = {
    NoticeKind.CONFIRM: "confirm",
    NoticeKind.ALREADY: "preferences",
    NoticeKind.TOPICS: "confirm",
    NoticeKind.PREFERENCES: "preferences",
    NoticeKind.DATA: "data",
    NoticeKind.ERASURE: "erase",
}
_STATES = {
    Verdict.ACCEPTED: NoticeState.ACCEPTED,
    Verdict.REJECTED: NoticeState.REJECTED,
    Verdict.UNCERTAIN: NoticeState.UNCERTAIN,
}
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


@dataclass(frozen=True)
class Desk:
    """What it takes to hand notices over; *clock* tells the moment in UTC, *sleep* waits so many seconds.

    *beat* is called before each notice, as a sign of life.
    """

    publication: Publication
    engine: Engine
    clock: Callable[[], datetime] = now
    provider: Provider | None = None
    sleep: Callable[[float], object] = sleep
    beat: Callable[[], object] = lambda: None

    def pace(self, provider: Provider) -> Pace:
        """The rates of ``[delivery]``, out of one budget with dispatches.

        Quiet hours and the warm-up are for issues: whoever waits for a link wants it now.
        """
        limits = Limits.of(self.publication.settings)
        return Pace(self.engine, provider.name, Limits(limits.rate, limits.domains), self.clock)


def hand_over(desk: Desk, *, stopping: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Hand over all notices that are due, and say how many got which state.

    Args:
        desk: what it takes.
        stopping: asked between windows whether to leave the rest for another time.

    Raises:
        ConfigError: the provider is not set up; nothing was claimed.
        ProviderError: it cannot be reached or refuses us; what it did not take waits for another time.
    """
    if not any_open(desk.engine):
        return Counter()
    provider = desk.provider or make_provider(desk.publication.settings.delivery.provider, desk.publication)
    worker, told, pace = worker_name(), Counter[str](), desk.pace(provider)
    settle_lost(desk.engine, desk.clock(), idempotent=provider.idempotent)
    while not stopping() and pace.closed() is None:
        # No more than one second allows: whoever waits for their turn is not yet with the provider.
        most = pace.window(min(provider.window, WINDOW))
        notices, skipped = claim(desk.engine, worker, desk.clock(), most)
        told.update({"skipped": skipped} if skipped else {})
        if not notices and not skipped:
            break
        if notices:
            told.update(_hand_over(_Round(desk, provider, pace, worker), notices))
    return told


def nameless(text: str) -> str:
    """What a server or provider said, without the addresses in it."""
    return _ADDRESS.sub("(address)", text)


@dataclass(frozen=True)
class _Round:
    """One worker with a provider at hand."""

    desk: Desk
    provider: Provider
    pace: Pace
    worker: str

    def turn(self, email: str) -> datetime | None:
        """Wait until a message to *email* may leave; if that is not soon, the moment when to come again."""
        domain = email.rpartition("@")[2].lower()
        grant = self.pace.take(domain if domain in self.pace.limits.domains else "", 1)
        if grant.count == 0:
            return grant.until or self.desk.clock() + timedelta(seconds=PATIENT)
        if grant.wait:
            self.desk.sleep(grant.wait)
        return None


def _hand_over(round_: _Round, notices: list[Claimed]) -> Counter[str]:
    desk, worker = round_.desk, round_.worker
    told = Counter[str]()
    open_ones = {notice.name: notice for notice in notices}
    called: set[str] = set()

    def settle(outcome: Outcome) -> None:
        told[str(_record(desk, worker, open_ones.pop(outcome.delivery_id), outcome))] += 1

    try:
        messages, unmailable = _messages(desk, round_.provider, notices)
        for outcome in unmailable:
            settle(outcome)
        if messages:
            with round_.provider.connect(DISPATCH) as connection:
                for message in messages:
                    desk.beat()
                    notice = open_ones[message.delivery_id]
                    if (until := round_.turn(notice.email)) is not None:
                        put_back(desk.engine, worker, open_ones.pop(notice.name), until)
                        continue
                    # One by one: a provider may take those of one call for the same text with other values,
                    # and each notice has a text, and a link, of its own.
                    called.add(message.delivery_id)
                    for outcome in connection.send([message]):
                        settle(outcome)
    except ProviderError as error:
        # What has no outcome by now was not handed over.
        for name in list(open_ones):
            settle(Outcome(name, Verdict.DEFERRED, error.what))
        raise
    except Exception as error:
        # A theme that cannot be read, or a fault of the program: who was not called for is tried again.
        for name in list(open_ones):
            verdict = Verdict.UNCERTAIN if name in called else Verdict.DEFERRED
            settle(Outcome(name, verdict, f"{type(error).__name__} before the answer"))
        raise
    return told


def _messages(
    desk: Desk, provider: Provider, notices: Iterable[Claimed]
) -> tuple[list[Message], list[Outcome]]:
    settings = desk.publication.settings.publication
    theme, tokens = load_theme(settings.theme, desk.publication.themes), Tokens(desk.engine)
    bounces = ReturnPath.of(desk.publication.settings.smtp, desk.engine)
    messages, unmailable = [], []
    for notice in notices:
        matter = _matter(desk, tokens, notice)
        edition = write_notice(matter, settings, theme)
        composer = Composer(edition, notice_envelope(settings, notice.kind, bounces))
        recipient = Recipient(notice.email, "", {})
        try:
            moment = desk.clock().timestamp()
            messages.append(composer.compose(recipient, notice.name, moment, smtputf8=provider.smtputf8))
        except UnmailableError as error:
            unmailable.append(Outcome(notice.name, Verdict.REJECTED, error.what))
    return messages, unmailable


def _matter(desk: Desk, tokens: Tokens, notice: Claimed) -> Matter:
    page, slugs = _PAGES[notice.kind], notice.topics
    # Who is on the list confirms what the mail names; who signs up confirms all that they chose until then.
    about = "\n".join(slugs) if notice.kind is NoticeKind.TOPICS else ""
    token = tokens.sign(page, notice.public_id, about, until=notice.until)
    titles = {topic.slug: topic.title for topic in list_topics(desk.engine)} if slugs else {}
    url = desk.publication.settings.publication.url
    topics = [titles.get(slug, slug) for slug in slugs]
    return Matter(notice.kind, notice.language, f"{url}/{page}/{token}", notice.until, topics)


def _record(desk: Desk, worker: str, notice: Claimed, outcome: Outcome) -> NoticeState:
    reason = nameless(outcome.reason)
    state, ready_at = _STATES.get(outcome.verdict), None
    if state is None:
        at = desk.clock()
        ready_at = at + max(_backoff(notice.attempts), timedelta(seconds=outcome.wait))
        spent = notice.attempts >= _MOST_TRIES or ready_at >= notice.until
        state = NoticeState.FAILED if spent else NoticeState.WAITING
    record(
        desk.engine,
        worker,
        notice,
        state,
        reason=reason,
        provider_id=outcome.provider_id,
        ready_at=ready_at,
    )
    return state


def _backoff(attempts: int) -> timedelta:
    return min(_FIRST * int(2 ** min(attempts - 1, 10)), _LONGEST)
