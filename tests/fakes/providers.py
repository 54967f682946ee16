"""A provider in memory that does to each message what the test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from newsletter.errors import ProviderError
from newsletter.messages import Message
from newsletter.providers import Outcome, Verdict

#: Instead of a verdict: the provider is gone before this message.
GONE = ProviderError("the server went away", hint="wait")


class ScriptedProvider:
    """Does with each message what *judge* says, and counts what reached the other side.

    *judge* gives a verdict, or an exception that is raised instead; by default everything is accepted.
    """

    name = "smtp"
    smtputf8 = False

    def __init__(
        self,
        judge: Callable[[Message], Verdict | Exception | None] = lambda message: Verdict.ACCEPTED,
        *,
        window: int = 2,
        batch_size: int = 5,
        concurrency: int = 1,
        idempotent: bool = False,
    ) -> None:
        self.judge = judge
        self.window = window
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.idempotent = idempotent
        #: How often each address was handed over, whether or not the answer came back.
        self.taken: Counter[str] = Counter()
        #: How many messages were in each call of `send`.
        self.windows: list[int] = []
        self.connections = 0
        self._lock = Lock()

    def describe(self) -> str:
        return "memory"

    @contextmanager
    def connect(self, dispatch: str = "test") -> Iterator[ScriptedProvider]:
        with self._lock:
            self.connections += 1
        yield self

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        self.windows.append(len(messages))
        untold = False
        for message in messages:
            verdict = self.judge(message)
            if isinstance(verdict, ProviderError) and untold:
                # A ProviderError says that whoever has no outcome was not handed over; that would be a lie.
                return
            if isinstance(verdict, Exception):
                raise verdict
            untold |= verdict is None
            if verdict in (Verdict.ACCEPTED, Verdict.UNCERTAIN, None):
                with self._lock:
                    self.taken[message.email] += 1
            if verdict is not None:
                yield Outcome(message.delivery_id, verdict, f"said {verdict}", f"id-{message.delivery_id}")
