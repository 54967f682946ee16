"""The table of codes: what a refusal is about, what it says of a reader, and the milder reading in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.occurrences import bounce_of
from newsletter.providers.codes import About, code_of, read_refusal, table


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
    assert bounce_of(read_refusal(words, status)) == bounce


@pytest.mark.parametrize(
    ("reason", "about", "gone"),
    [
        ("550 5.1.1 no such user", "address", True),
        ("550 5.1.1. No such user", "address", True),
        ("450 4.1.1 no such user", "address", False),
        ("550 5.1.4 ambiguous", "address", False),
        ("550 5.1.7 sender", "us", False),
        ("450 4.1.8 sender's domain", "us", False),
        ("550-5.1.10 null MX", "address", True),
        ("552 5.2.2 full", "address", False),
        ("552 5.2.3 too long for this mailbox", "content", False),
        ("552 5.3.4 too long", "content", False),
        ("500 5.3.0 relay not configured", "system", False),
        ("550 5.4.1 Recipient address rejected: Access denied", "address", True),
        ("550 5.4.1 no answer", "system", False),
        ("550 5.5.0 mailbox unavailable", "address", True),
        ("550 5.5.0 user", "us", False),
        ("503 5.5.1 sequence", "us", False),
        ("503 bad sequence", "us", False),
        ("554 5.6.0 content", "content", False),
        ("550 5.7.1 blocked", "reputation", False),
        ("550 5.7.1 no such user", "reputation", False),
        ("550-5.7.26 This mail", "reputation", False),
        ("554 5.7.509 x", "reputation", False),
        ("550 5.7.17 another owner", "address", True),
        ("550 15.7.1 x", "open", False),
        ("550 1.5.7.1 is on a list", "open", False),
        ("550 5.1.0 rejected by policy", "reputation", False),
        ("550 5.1.0 rejected", "address", False),
        ("550 5.0.0 user", "address", False),
        ("550 user rejected", "address", False),
        ("550 mailbox temporarily unavailable", "address", False),
        ("451 try again later", "system", False),
        ("554 user refused: your host is blocked", "reputation", False),
        ("550 No such user: spf-list@example.com", "address", True),
        ("550 mailbox <spamfighter@example.com> unavailable", "address", False),
        ("550 User blocked@relay.example.com unknown", "address", False),
        ("550 <user@example.com>: no", "open", False),
        ("554 <user@example.com>:blocked", "reputation", False),
        ("550 no", "open", False),
        ("", "open", False),
    ],
)
def test_a_refusal_is_about_one_thing(reason: str, about: str, gone: bool) -> None:
    """RFC 3463 first; what is said without a code, or with one that says too little, is told by the words.

    The words of an address are its own.
    """
    refusal = read_refusal(reason)

    assert (refusal.about, refusal.gone) == (about, gone)


@given(st.integers(0, 999), st.integers(0, 999))
def test_what_a_code_is_about_is_the_same_for_now_and_for_good(subject: int, detail: int) -> None:
    """RFC 3463, section 2; and what is not final is never for good."""
    now, final = (read_refusal(f"{kind}.{subject}.{detail}") for kind in "45")

    assert now.about is final.about
    assert not now.gone


def test_every_line_names_its_source_and_means_something() -> None:
    for line in table().lines:
        assert line.means, line.code
        assert line.source.startswith(("RFC ", "https://")), line.code
        assert not line.gone or line.about is About.ADDRESS, line.code


def test_no_code_stands_twice() -> None:
    codes = [line.code for line in table().lines]
    assert len(codes) == len(set(codes))


@given(st.text(max_size=60), st.text(max_size=200))
def test_anything_has_a_meaning(status: str, words: str) -> None:
    refusal = read_refusal(words, status)

    assert refusal.code == code_of(status, words)
    assert not refusal.gone or refusal.about is About.ADDRESS
