"""The bytes that go over the wire."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.providers import Verdict
from newsletter.providers.smtp_dialogue import BrokenOffError, Line, wire_form
from newsletter.providers.smtp_replies import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator


def received(wire: bytes) -> bytes:
    """What a server makes of the bytes after DATA (RFC 5321, 4.5.2): up to the first lone dot, dots removed."""
    lines = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            return b"\r\n".join([*lines, b""])
        lines.append(line.removeprefix(b"."))
    raise AssertionError("the message never ended")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.lists(
            st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"..", b" ", b"x" * 300]), max_size=9
        ).map(b"".join),
        max_size=5,
    )
)
def test_no_message_can_end_itself_early(pieces: list[bytes]) -> None:
    """Whatever its dots and line ends, in pieces cut anywhere, the server gets all of it and nothing more."""
    message = b"".join(pieces)
    wire = wire_form(pieces)

    text = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    expected = text if not text or text.endswith(b"\r\n") else text + b"\r\n"
    assert received(wire) == expected
    assert wire.count(b"\n") == wire.count(b"\r\n") == wire.count(b"\r")


class Session:
    """What `Line` needs of a session of smtplib, over one end of a pair of sockets."""

    def __init__(self, end: socket.socket, features: dict[str, str]) -> None:
        self.sock = end
        self.esmtp_features = features

    def has_extn(self, name: str) -> bool:
        return name in self.esmtp_features


@contextmanager
def line(**features: str) -> Iterator[tuple[Line, socket.socket]]:
    """A line with little room for what was said and not heard yet, and the server's end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.settimeout(300)
        yield Line(Session(ours, features)), theirs


def test_a_body_that_did_not_leave_to_its_last_byte_was_not_handed_over() -> None:
    with line() as (near, far), ThreadPoolExecutor(1) as server:
        gone = server.submit(lambda: (far.recv(1000), far.close()))
        with pytest.raises(BrokenOffError, match="the connection was lost"):
            near.say(b"x" * 1_000_000, b"MAIL")
        gone.result()


def test_a_body_that_left_counts_also_if_the_envelope_behind_it_did_not() -> None:
    """Else its recipient would be tried again, though the server may have the message."""
    with line() as (near, far), ThreadPoolExecutor(1) as server:
        gone = server.submit(lambda: (far.recv(1000), far.close()))
        near.say(b"body\r\n.\r\n", b"x" * 1_000_000)
        gone.result()

        with pytest.raises(BrokenOffError):
            near.hear()


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"250 ok", b"250-a\r\n250 b", b"550 5.1.1 no", b"354 go"]), max_size=5),
    st.data(),
)
def test_replies_are_heard_in_order_however_they_arrive(replies: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(reply + b"\r\n" for reply in replies)
    cut = data.draw(st.integers(0, len(whole)))
    with line() as (near, far):
        far.sendall(whole[:cut])
        far.sendall(whole[cut:])
        heard = [str(near.hear()) for _ in replies]

    assert heard == [reply.replace(b"\r\n250 ", b" ").replace(b"-", b" ").decode() for reply in replies]


@pytest.mark.parametrize("rubbish", [b"hello\r\n", b"\r\n", b"999 what\r\n", b"25\r\n"])
def test_what_is_no_reply_has_no_code(rubbish: bytes) -> None:
    with line() as (near, far):
        far.sendall(rubbish)

        assert near.hear().code == -1


def test_a_server_that_never_ends_its_line_is_left() -> None:
    with line() as (near, far), ThreadPoolExecutor(1) as server:
        talking = server.submit(lambda: far.sendall(b"2" * 70_000))
        with pytest.raises(BrokenOffError, match="speaks no SMTP"):
            near.hear()
        talking.result()


def test_a_reply_without_an_end_is_left_as_a_whole() -> None:
    """Its rest was taken for the answers to what was asked next, and so a message for taken that was not."""
    with line() as (near, far), ThreadPoolExecutor(1) as server:
        talking = server.submit(lambda: far.sendall(b"250-and\r\n" * 1_500 + b"250 so on\r\n"))
        with pytest.raises(BrokenOffError, match="speaks no SMTP"):
            near.hear()
        talking.result()


def test_a_long_reply_is_heard_to_its_end() -> None:
    with line() as (near, far):
        far.sendall(b"220-and\r\n" * 150 + b"220 ready\r\n" + b"250 next\r\n")

        assert (near.hear().code, str(near.hear())) == (220, "250 next")


def test_nothing_is_said_to_a_server_that_answers_what_it_was_not_asked() -> None:
    with line() as (near, far):
        far.sendall(b"354 go on\r\n250 queued\r\n")
        near.hear()

        with pytest.raises(BrokenOffError, match="not asked"):
            near.say(b"the message\r\n.\r\n")


@pytest.mark.parametrize(("told", "limit"), [("", 0), ("0", 0), ("1000000", 1_000_000), ("nonsense", 0)])
def test_the_largest_message_is_as_the_server_tells(told: str, limit: int) -> None:
    with line(size=told) as (near, _):
        assert near.offers.size
        assert near.offers.limit == limit


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (250, Verdict.ACCEPTED),
        (421, Verdict.DEFERRED),
        (452, Verdict.DEFERRED),
        (503, Verdict.REFUSED),
        (550, Verdict.REJECTED),
        (552, Verdict.DEFERRED),
        (354, Verdict.UNCERTAIN),
        (-1, Verdict.UNCERTAIN),
    ],
)
def test_without_an_enhanced_code_the_three_digits_tell(code: int, verdict: Verdict) -> None:
    assert Reply(code, "").verdict is verdict


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (250, "5.1.1 taken all the same", Verdict.ACCEPTED),
        (550, "5.1.1 no such user", Verdict.REJECTED),
        (550, "5.1.10 null MX", Verdict.REJECTED),
        (552, "5.2.2 mailbox full", Verdict.DEFERRED),
        (552, "5.3.4 too large", Verdict.REJECTED),
        (452, "4.5.3 too many recipients", Verdict.DEFERRED),
        (550, "4.2.1 not now", Verdict.DEFERRED),
        (450, "5.1.1 no such user", Verdict.REJECTED),
        (554, "5.7.1 policy", Verdict.REFUSED),
        (550, "5.7.515 unauthenticated", Verdict.REFUSED),
        (450, "4.7.1 greylisted", Verdict.DEFERRED),
        (503, "5.5.1 sequence", Verdict.REFUSED),
        (550, "5.5.0 mailbox unavailable", Verdict.REJECTED),
        (550, "5.7.17 another owner", Verdict.REJECTED),
        (553, "5.1.8 sender's domain", Verdict.REFUSED),
        (554, "blocked using bl.example.org", Verdict.REFUSED),
        (421, "5.7.0 blocked", Verdict.DEFERRED),
        (550, "127.0.0.1 is listed", Verdict.REJECTED),
        (550, "5.7.1.2 is no code", Verdict.REJECTED),
    ],
)
def test_the_enhanced_code_goes_before_the_three_digits(code: int, text: str, verdict: Verdict) -> None:
    """RFC 3463; a message that was taken was taken, whatever the text says."""
    assert Reply(code, text).verdict is verdict


def test_a_server_that_is_silent_for_too_long_is_left() -> None:
    """The system watches the timeout, and tells it in other words than Python would."""
    with line() as (near, far):
        near._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50_000))
        with pytest.raises(BrokenOffError, match="no answer in time"):
            near.hear()
        far.sendall(b"250 ok\r\n")

        assert str(near.hear()) == "250 ok"


def test_a_body_that_a_server_does_not_take_in_time_was_not_handed_over() -> None:
    with line() as (near, _):
        near._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 50_000))
        with pytest.raises(BrokenOffError, match="no answer in time"):
            near.say(b"x" * 1_000_000, b"MAIL")
