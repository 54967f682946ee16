"""The seam to whatever accepts messages: what to implement, and the words for what came of a message."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from newsletter.messages import Message


class Verdict(StrEnum):
    """What a provider did with one message."""

    #: The provider took responsibility; whether it arrives is learned later.
    ACCEPTED = "accepted"
    #: A permanent refusal; trying again would be refused again.
    REJECTED = "rejected"
    #: A permanent refusal for what we are or do, such as a policy; it says nothing of the recipient.
    REFUSED = "refused"
    #: Not taken, for now; nothing was handed over, so it may be tried again.
    DEFERRED = "deferred"
    #: Not tried, as it was not its turn: another time, and it does not count as a try.
    POSTPONED = "postponed"
    #: Not tried, as others like it were refused; a person may have it tried again.
    STOPPED = "stopped"
    #: Handed over, but the answer was lost: it may or may not have been taken.
    UNCERTAIN = "uncertain"


class Outcome(NamedTuple):
    """What came of one message; ``provider_id`` is the provider's own name for it, if it told one.

    ``wait`` is the number of seconds before which there is no use in trying again, as far as it is known.
    """

    delivery_id: str
    verdict: Verdict
    reason: str = ""
    provider_id: str = ""
    wait: float = 0.0


class Connection(Protocol):
    """An open way to the provider; used by one thread."""

    def send(self, messages: Sequence[Message]) -> Iterable[Outcome]:
        """Hand over *messages* and tell the outcome of each, in any order, each exactly once.

        Raises:
            ProviderError: the provider became unreachable before the next message was handed over; every
                message without an outcome so far was not handed over.
        """
        ...


class Provider(Protocol):
    """What accepts messages."""

    #: The word of ``[delivery] provider``.
    name: str
    #: True when handing over the same message again replaces the first, so that nothing is ever in doubt.
    idempotent: bool
    #: True when messages to addresses beyond ASCII may be handed over; those that it cannot take after all,
    #: it rejects.
    smtputf8: bool

    @property
    def window(self) -> int:
        """How many messages are put into one call of `Connection.send`: so many a crash leaves in doubt."""
        ...

    @property
    def batch_size(self) -> int:
        """How many recipients make a batch, at most 1,000."""
        ...

    @property
    def concurrency(self) -> int:
        """How many batches may be worked on at once."""
        ...

    def describe(self) -> str:
        """Where messages go, in a few words for people: ``outbox at /path``."""
        ...

    def connect(self, dispatch: str = "test") -> AbstractContextManager[Connection]:
        """Open a connection for the messages of the dispatch of that name; tests are of none.

        Raises:
            ProviderError: the provider cannot be reached, or (CredentialsError) refuses the credentials.
        """
        ...


@runtime_checkable
class Parting(Protocol):
    """A connection that needs several requests for messages that differ in more than values."""

    def parts(self, messages: Sequence[Message]) -> Sequence[Sequence[Message]]:
        """The messages as they may go together; each part is in doubt by itself, should a process die."""
        ...


@runtime_checkable
class Rehearsable(Protocol):
    """A provider that can check messages without mailing them."""

    def rehearsing(self) -> Provider:
        """The same provider, but it checks what it is handed and mails nothing; what passed is accepted."""
        ...
