"""The bytes that go over the wire."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.providers import Verdict
from newsletter.providers.smtp_dialogue import wire_form
from newsletter.providers.smtp_replies import Reply


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


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (250, Verdict.ACCEPTED),
        (421, Verdict.DEFERRED),
        (452, Verdict.DEFERRED),
        (550, Verdict.REJECTED),
        (354, Verdict.UNCERTAIN),
        (-1, Verdict.UNCERTAIN),
    ],
)
def test_the_class_of_a_reply_is_the_verdict(code: int, verdict: Verdict) -> None:
    assert Reply(code, "").verdict is verdict
