"""The table of codes: what a refusal says of the address, and the milder reading where that is open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.codes import classify, code_of, table
from subscribers import Bounce


@pytest.mark.parametrize(
    ("status", "words", "code", "bounce"),
    [
        ("5.1.1", "550 5.1.1 no such mailbox", "5.1.1", "hard"),
        ("5.0.0", "550 5.1.10 the domain takes no mail", "5.1.10", "hard"),
        ("5.1.1", "554 5.0.0 rejected", "5.1.1", "hard"),
        ("5.0.0", "550 unknown recipient", "550", "hard"),
        ("", "550 user unknown", "550", "hard"),
        ("", "450 user unknown, try later", "450", "soft"),
        ("5.2.2", "552 5.2.2 over quota", "5.2.2", "soft"),
        ("", "552 over quota", "552", "soft"),
        ("5.2.1", "", "5.2.1", "hard"),
        ("4.4.1", "no answer from host", "4.4.1", "soft"),
        ("5.4.7", "delivery time expired", "5.4.7", "soft"),
        ("5.7.1", "550 5.7.1 no such user", "5.7.1", "policy"),
        ("5.7.26", "550 5.7.26 not authenticated", "5.7.26", "policy"),
        ("5.7.17", "", "5.7.17", "hard"),
        ("4.7.0", "421 4.7.0 too much mail from you", "4.7.0", "policy"),
        ("5.5.2", "syntax error", "5.5.2", "policy"),
        ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable", "5.5.0", "hard"),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "5.4.1", "hard"),
        ("5.4.1", "550 5.4.1 no answer", "5.4.1", "soft"),
        ("5.6.0", "", "5.6.0", "policy"),
        ("5.0.0", "554 your host is blocked; no such user", "554", "policy"),
        ("", "", "", "soft"),
        ("", "something went wrong", "", "soft"),
        ("nonsense", "2.0.0 ok", "", "soft"),
    ],
)
def test_codes_and_words_say_what_they_mean(status: str, words: str, code: str, bounce: str) -> None:
    assert code_of(status, words) == code
    assert classify(code, words) == bounce


def test_every_line_names_its_source_and_means_something() -> None:
    for line in table().lines:
        assert line.bounce in {*Bounce, "words"} - {Bounce.UNPROVED}, line.code
        assert line.means, line.code
        assert line.source.startswith(("RFC ", "https://")), line.code


def test_no_code_stands_twice() -> None:
    codes = [line.code for line in table().lines]
    assert len(codes) == len(set(codes))


@given(st.text(max_size=60), st.text(max_size=200))
def test_anything_has_a_meaning(status: str, words: str) -> None:
    assert classify(code_of(status, words), words) in {Bounce.HARD, Bounce.SOFT, Bounce.POLICY}


@given(st.integers(0, 999), st.integers(0, 999))
def test_no_transient_code_is_hard(subject: int, detail: int) -> None:
    code = f"4.{subject}.{detail}"
    assert classify(code, f"451 {code} user unknown") is not Bounce.HARD
