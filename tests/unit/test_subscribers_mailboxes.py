"""What the name of a mailbox gives reason to doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import mailboxes
from subscribers.mailboxes import Doubts, doubts_about, meant_domain


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmx.con", "gmx.com"),
        ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("t-onlin.de", "t-online.de"),
        ("gmail.com", None),
        ("mail.com", None),
        ("ymail.com", None),
        ("example.com", None),
        ("web.com", None),
        ("xn--bcher-kva.example", None),
    ],
)
def test_a_slip_of_the_pen_is_known_by_what_it_is_near(domain: str, meant: str | None) -> None:
    assert meant_domain(domain) == meant


@given(st.sampled_from(sorted(mailboxes._known("common") | mailboxes._known("genuine"))))
def test_no_common_domain_is_taken_for_another(domain: str) -> None:
    assert meant_domain(domain) is None


@given(st.text("abgmil.co-", max_size=12))
def test_any_domain_has_an_answer(domain: str) -> None:
    assert meant_domain(domain) is None or meant_domain(domain) in mailboxes._known(
        "common"
    ) | mailboxes._known("genuine")


def test_offices_and_throw_away_addresses_are_told() -> None:
    assert "office" in doubts_about("info@example.com")[0]
    assert "throw-away" in doubts_about("x@yopmail.com")[0]
    assert doubts_about("ann@example.com") == []
    assert "did you mean `gmail.com`?" in doubts_about("ann@gmial.com")[0]


def test_doubts_add_up() -> None:
    doubts = Doubts()
    for keys in (["info@gmial.com", "a@example.com"], ["b@gmial.com"], []):
        doubts.count(keys)

    assert (doubts.roles, doubts.typos) == (1, {"gmial.com": ("gmail.com", 2)})


def test_the_lists_are_in_lower_case_and_have_nothing_twice() -> None:
    for name in ("roles", "disposable", "common", "genuine"):
        words = mailboxes._data()[name]
        assert words == [word.lower() for word in words]
        assert len(words) == len(set(words)), name
