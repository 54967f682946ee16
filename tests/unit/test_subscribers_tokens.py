"""The tokens in links: nothing in them can be changed, and old ones stay good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from subscribers import Tokens
from subscribers.models import new_public_id
from subscribers.tokens import Grant

KEYS = [b"an old key", b"a new key"]
TOKENS = Tokens(KEYS)
WHO = "Yx3-kQ_0aZ9bC1dE2fG3hI"
TOKEN = TOKENS.sign("unsubscribe", WHO)
ABOUT = TOKENS.sign("unsubscribe", WHO, "ai")
NOON = datetime(2026, 4, 11, 12, tzinfo=UTC)
TIMED = TOKENS.sign("unsubscribe", WHO, until=NOON)

IDS = st.builds(new_public_id)
TOPICS = st.one_of(st.just(""), st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()))
CHARACTERS = st.one_of(st.sampled_from(ascii_letters + digits + "-_.~="), st.characters(codec="utf-8"))


@given(IDS, TOPICS, st.sampled_from(["unsubscribe", "preferences", "confirm"]))
def test_a_token_tells_what_was_signed_and_fits_into_a_path(who: str, topic: str, action: str) -> None:
    token = TOKENS.sign(action, who, topic)

    assert TOKENS.grant(action, token) == Grant(who, topic)
    assert TOKENS.read(action, token) == who
    assert set(token) <= set(ascii_letters + digits + "-_.~")
    assert len(token) < 620


@given(IDS, TOPICS, st.integers(0, 2**33), st.integers(-3, 3))
def test_a_token_for_a_time_is_good_until_then(who: str, topic: str, second: int, later: int) -> None:
    until = datetime.fromtimestamp(second, UTC)
    grant = TOKENS.grant("confirm", TOKENS.sign("confirm", who, topic, until=until))

    assert grant == Grant(who, topic, until)
    assert grant.good(until + timedelta(seconds=later)) is (later < 0)


def test_a_token_for_ever_is_none_for_what_must_be_fresh() -> None:
    """Links in old mail open no door that a fresh link opens."""
    assert not Grant(WHO).good(NOON)


def test_the_end_of_a_token_cannot_be_cut_off_or_moved() -> None:
    value, signature = TIMED.rpartition(".")[::2]
    who, topic, until = value.split("~")

    for other in (who, f"{who}~{topic}", f"{value}0", f"{who}~{topic}~{int(until) + 1}"):
        assert TOKENS.grant("unsubscribe", f"{other}.{signature}") is None


@given(st.sampled_from([TOKEN, ABOUT, TIMED]), st.data())
def test_whatever_is_changed_in_a_token_makes_it_none(token: str, data: st.DataObject) -> None:
    """A character replaced, put in, taken out or moved: also one that a decoder would overlook."""
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(CHARACTERS)
    changed = data.draw(
        st.sampled_from(
            [
                token[:place] + character + token[place + 1 :],
                token[:place] + character + token[place:],
                token + character,
                token[:place] + token[place + 1 :],
                token[:place],
                token[place:] + token[:place],
                token.swapcase(),
            ]
        )
    )
    assume(changed != token)

    assert TOKENS.grant("unsubscribe", changed) is None


@pytest.mark.parametrize("token", [TOKEN, ABOUT, TIMED], ids=["all", "topic", "timed"])
def test_no_last_character_is_as_good_as_the_right_one(token: str) -> None:
    """The last of 22 base64 characters has four bits that mean nothing (RFC 4648, section 3.5)."""
    good = [c for c in ascii_letters + digits + "-_" if TOKENS.read("unsubscribe", token[:-1] + c)]

    assert good == [token[-1]]


@given(st.text(max_size=80))
@example("")
@example(".")
@example("~.")
@example(WHO)
def test_no_other_text_is_a_token(text: str) -> None:
    assert TOKENS.grant("unsubscribe", text) is None


@given(IDS, st.sampled_from(["preferences", "confirm", "unsubscribe "]))
def test_a_token_is_good_for_its_action_alone(who: str, other: str) -> None:
    assert TOKENS.read(other, TOKENS.sign("unsubscribe", who)) is None


def test_a_topic_cannot_be_cut_off_or_put_on() -> None:
    """The link to leave one topic is not the link to leave everything, nor the other way round."""
    bare, signature = ABOUT.partition("~")[0], ABOUT.rpartition(".")[2]

    assert TOKENS.grant("unsubscribe", f"{bare}.{signature}") is None
    assert TOKENS.grant("unsubscribe", TOKEN.replace(".", "~YWk.")) is None


def test_the_newest_key_signs_and_all_are_believed() -> None:
    old, new = Tokens(KEYS[:1]), Tokens(KEYS[1:])

    assert TOKENS.read("unsubscribe", old.sign("unsubscribe", WHO)) == WHO
    assert new.read("unsubscribe", TOKEN) == WHO
    assert old.read("unsubscribe", TOKEN) is None
    assert TOKENS.read("unsubscribe", Tokens([b"a forged key"]).sign("unsubscribe", WHO)) is None


def test_a_token_never_expires() -> None:
    """One that was made of these keys long ago is still the same."""
    assert Tokens([b"an old key"]).sign("unsubscribe", WHO) == f"{WHO}.t03Sit1GTE1RJuO02S486A"


def test_no_address_is_in_a_token() -> None:
    assert "@" not in TOKEN + ABOUT
