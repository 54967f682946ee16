"""One connection to an SMTP server, and the messages of a window that go over it one behind the other.

Where the server offers PIPELINING, the envelope of the next message leaves together with the body of the one
before (RFC 2920, 3.1: the end of a message may begin a group, and DATA ends one). So a message costs one
round trip. An envelope hands nothing over: until a body is said to its dot, its message was not sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING

from newsletter.messages.message import UnmailableError
from newsletter.providers.base import Verdict
from newsletter.providers.smtp_dialogue import BrokenOffError, UnaskedError
from newsletter.providers.smtp_letter import Letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from newsletter.errors import ProviderError
    from newsletter.messages.message import Message
    from newsletter.providers.base import Outcome
    from newsletter.providers.smtp_dialogue import Line
    from newsletter.providers.smtp_domains import Domains
    from newsletter.providers.smtp_pool import Pool
    from newsletter.providers.smtp_replies import Reply

#: How often one message may be begun when connections break before its end.
BEGINNINGS = 2
#: How long, in seconds, a connection waits until a domain lets somebody in, and how often it looks meanwhile.
PATIENCE = 1.0
TURNS = 20
#: After so many seconds no further message of a window is begun, so that the ledger hears of those before it
#: while it still believes that this worker lives.
LONGEST_WINDOW = 300.0
#: A message larger than the server takes (RFC 1870, section 6.1).
_TOO_LARGE = 552


@dataclass(frozen=True)
class Terms:
    """What the connections of a provider have in common."""

    pool: Pool
    sender: Callable[[Message], str]
    #: Gives the signature field for a message's bytes.
    sign: Callable[[bytes], bytes] | None
    sender_refused: Callable[[Reply], ProviderError]
    domains: Domains


class SmtpConnection:
    """A worker's way to the server: a connection of the pool while it hands over, another when that ends."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._line: Line | None = None
        #: Waits for so many seconds.
        self.pause: Callable[[float], object] = sleep
        #: Seconds since whenever.
        self.clock: Callable[[], float] = monotonic

    def open(self) -> Line:
        """The line in use, another one if there is none or if it is worn out.

        Raises:
            ProviderError: the server cannot be reached or used.
        """
        if self._line is not None and self._terms.pool.is_worn(self._line):
            self.close()
        if self._line is None:
            self._line = self._terms.pool.take()
        return self._line

    def close(self) -> None:
        """Let another worker have the line."""
        if self._line is not None:
            self._terms.pool.give_back(self._line)
            self._line = None

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """Hand over the messages one behind the other.

        Raises:
            ProviderError: the server is gone, or takes nothing from us. Messages without an outcome were not
                handed over.
        """
        try:
            yield from _Window(self, self._terms, messages).run()
        finally:
            self.close()

    def drop(self) -> None:
        """Close the line without a word."""
        if self._line is not None:
            self._terms.pool.lose(self._line)
            self._line = None

    def holds(self, line: Line) -> bool:
        """Whether *line* is still in use."""
        return self._line is line

    def goes_on(self, line: Line) -> bool:
        """Whether the next envelope may follow the present message over the same line."""
        return self.holds(line) and line.offers.pipelining and not self._terms.pool.is_worn(line, 1)


class _Window:
    """The messages of one call of `SmtpConnection.send`, and how far they are."""

    def __init__(
        self,
        connection: SmtpConnection,
        terms: Terms,
        messages: Sequence[Message],
    ) -> None:
        self._connection = connection
        self._terms = terms
        self._domains = terms.domains
        self._until = connection.clock() + LONGEST_WINDOW
        self._queue = deque(Letter(message) for message in messages)
        #: Outcomes of those whose turn came and who were not tried.
        self._told: list[Outcome] = []
        #: Whose envelope was said, and not yet heard.
        self._begun: tuple[Line, Letter] | None = None

    def run(self) -> Iterator[Outcome]:
        try:
            while self._begun is not None or self._queue:
                if self._begun is None:
                    self._begin()
                yield from self._tell()
                if self._begun is not None:
                    outcome = self._finish(*self._begun)
                    if outcome is not None:
                        yield outcome
                yield from self._tell()
        finally:
            if self._begun is not None:
                # Left in the middle: what the server says next would be taken for another answer.
                self._domains.leave(self._begun[1].domain)
                self._connection.drop()

    def _tell(self) -> Iterator[Outcome]:
        told, self._told = self._told, []
        yield from told

    # --- whose turn it is ------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Say the envelope of the next message, if one may go now."""
        line = self._connection.open()
        letter = self._next(line, waits=True)
        if letter is None:
            return
        self._begun = line, letter
        if line.offers.pipelining:
            try:
                line.say(b"".join(letter.commands))
            except BrokenOffError as error:
                if outcome := self._broken(letter, str(error)):
                    self._told.append(outcome)

    def _next(self, line: Line, *, waits: bool) -> Letter | None:
        """The first message whose domain lets it in, written; whoever cannot be tried is told of."""
        told = "waits until its domain's connections are free"
        for _ in range(TURNS):
            if self._connection.clock() > self._until:
                told = "waits for the next window: the server is slow"
                break
            letter = self._admit(line)
            if letter is not None or not self._queue or not waits:
                return letter
            self._connection.pause(PATIENCE / TURNS)
        while self._queue:
            self._told.append(self._queue.popleft().outcome(Verdict.POSTPONED, told, wait=PATIENCE))
        return None

    def _admit(self, line: Line) -> Letter | None:
        """The first message that may go, written; those before it whose domain is busy go to the end."""
        for _ in range(len(self._queue)):
            letter = self._queue.popleft()
            if reason := self._domains.stopped(letter.domain):
                told = f"not tried: {letter.domain} refuses our mail: {reason}"
                self._told.append(letter.outcome(Verdict.STOPPED, told))
                continue
            if not self._domains.enter(letter.domain):
                self._queue.append(letter)
                continue
            try:
                letter.write(line.offers, self._terms.sender(letter.message), self._terms.sign)
            except UnmailableError as error:
                self._domains.leave(letter.domain)
                self._told.append(letter.outcome(Verdict.REJECTED, error.what))
                continue
            return letter
        return None

    # --- one message ---------------------------------------------------------------------------------

    def _finish(self, line: Line, letter: Letter) -> Outcome | None:
        """Hear the answers to an envelope, say the body and the next envelope; None if it is begun anew."""
        try:
            refusal, last = self._envelope(line, letter)
        except BrokenOffError as error:
            return self._broken(letter, str(error))
        self._begun = None
        body = letter.content if refusal is None else last
        following = self._next(line, waits=False) if self._connection.goes_on(line) else None
        try:
            self._say(line, body, following)
        except BrokenOffError as error:
            self._take_back(following)
            if refusal is None:
                # What was not asked for is no answer to a message of which nothing was said.
                early = None if isinstance(error, UnaskedError) else _said_before_the_end(line)
                return self._refused_early(letter, early) if early else self._broken(letter, str(error))
            self._connection.drop()
            following = None
        outcome = self._heard(line, letter, refusal, alive=bool(body))
        self._domains.note(letter.domain, outcome.verdict, outcome.reason)
        self._domains.leave(letter.domain)
        if following is not None and self._connection.holds(line):
            self._begun = line, following
        else:
            self._take_back(following)
        return outcome

    def _refused_early(self, letter: Letter, reply: Reply) -> Outcome:
        """The server did not want the message to its end, hung up, and said why: it is not begun anew."""
        self._connection.drop()
        self._domains.note(letter.domain, reply.refusal, str(reply))
        self._domains.leave(letter.domain)
        return letter.outcome(reply.refusal, str(reply), wait=reply.wait)

    def _say(self, line: Line, body: bytes, following: Letter | None) -> None:
        parts = [body] if body else []
        if following is not None:
            parts.append(b"".join(following.commands))
        if parts:
            line.say(*parts)

    def _heard(self, line: Line, letter: Letter, refusal: Reply | None, *, alive: bool) -> Outcome:
        """What became of a message whose body, or the end of its refused transaction, was said."""
        reply: Reply | None = None
        lost = ""
        try:
            reply = line.hear() if alive else None
        except BrokenOffError as error:
            lost = str(error)
            self._connection.drop()
        if refusal is not None:
            if reply is not None and reply.final:
                self._connection.drop()
            return letter.outcome(refusal.refusal, str(refusal), wait=refusal.wait)
        line.carried += 1
        if reply is None:
            return letter.outcome(Verdict.UNCERTAIN, f"handed over, then no answer came: {lost}")
        if reply.final or reply.verdict is Verdict.UNCERTAIN:
            self._connection.drop()
        name = reply.queue_id if reply.verdict is Verdict.ACCEPTED else ""
        return letter.outcome(reply.verdict, str(reply), name=name, wait=reply.wait)

    def _envelope(self, line: Line, letter: Letter) -> tuple[Reply | None, bytes]:
        """The reply that refused MAIL, RCPT or DATA, or None; and what then leaves the transaction clean.

        Raises:
            BrokenOffError: the connection is over, and nothing was refused.
            ProviderError: the refusal is about us, so it would be the same for everybody.
        """
        replies: list[Reply] = []
        try:
            for reply in _answers(line, letter):
                replies.append(reply)
        except BrokenOffError:
            if all(reply.positive for reply in replies):
                raise
            self._connection.drop()
        refusal = next((reply for reply in replies if not reply.positive), None)
        if refusal is None:
            return None, b""
        if refusal.about_login or (refusal is replies[0] and _about_sender(refusal, letter)):
            self._connection.drop()
            raise self._terms.sender_refused(refusal)
        if not self._connection.holds(line):
            return refusal, b""
        if len(replies) == 3 and replies[2].positive:
            # RFC 2920, 3.1: DATA may be taken although every recipient was refused; a lone dot ends it.
            return refusal, b".\r\n"
        return refusal, b"RSET\r\n" if replies[0].positive else b""

    def _broken(self, letter: Letter, reason: str) -> Outcome | None:
        """The connection is over before the message was: it is begun anew, but not for ever."""
        self._connection.drop()
        self._domains.leave(letter.domain)
        self._begun = None
        letter.begun += 1
        if letter.begun >= BEGINNINGS:
            return letter.outcome(Verdict.DEFERRED, reason)
        self._queue.appendleft(letter)
        return None

    def _take_back(self, letter: Letter | None) -> None:
        if letter is not None:
            self._domains.leave(letter.domain)
            self._queue.appendleft(letter)


def _said_before_the_end(line: Line) -> Reply | None:
    """The refusal that is there already, of a message that did not leave to its end."""
    if not line.is_over():
        return None
    try:
        reply = line.hear()
    except BrokenOffError:
        return None
    return reply if 400 <= reply.code <= 599 and not reply.final else None


def _answers(line: Line, letter: Letter) -> Iterator[Reply]:
    """The replies to an envelope: that was said already with PIPELINING, else said now up to the first no.

    MAIL and RCPT are taken with 2xx, DATA with 3xx (RFC 5321, 4.3.2). Whoever says yes in another way answers
    something else: what follows would be taken for the answer to the wrong message.
    """
    for command, yes in zip(letter.commands, (2, 2, 3), strict=True):
        reply = line.hear() if line.offers.pipelining else line.ask(command)
        if reply.final:
            raise BrokenOffError(f"the server closed the connection: {reply}")
        if reply.positive and reply.code // 100 != yes:
            raise BrokenOffError(f"the server answers what it was not asked: {reply}")
        yield reply
        if not reply.positive and not line.offers.pipelining:
            return


def _about_sender(refusal: Reply, letter: Letter) -> bool:
    """Whether a refusal of MAIL is about the sender, and not about this message's size or address."""
    too_large = refusal.code == _TOO_LARGE or refusal.enhanced in ((5, 3, 4), (5, 2, 3))
    return refusal.code >= 500 and not too_large and not letter.utf8
