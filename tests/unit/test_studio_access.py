"""Who may open a studio that other machines reach."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.studio.access import COOKIE, Access, Gate

TOKEN = "a-long-enough-token-of-this-test"


class Clock:
    now = 1_775_894_400.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(clock):
    return Access(TOKEN, clock)


def asked(access, method="GET", path="/", **headers):
    """The status that the gate answers with, or what it granted."""
    seen = {}

    async def inside(scope, receive, send):
        seen["grant"] = scope["state"]["grant"]

    async def send(event):
        if event["type"] == "http.response.start":
            seen["status"] = event["status"]

    fields = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in {"host": "h:1", **headers}.items()
    ]
    scope = {"type": "http", "method": method, "path": path, "headers": fields, "state": {}}
    asyncio.run(Gate(inside, access=access)(scope, None, send))
    return seen


def test_the_token_gives_a_cookie_that_opens_everything_until_it_ends(access, clock):
    cookie = access.sign_in(TOKEN)

    assert asked(access, cookie=f"{COOKIE}={cookie}")["grant"].everything
    clock.now += 13 * 3600
    assert asked(access, cookie=f"{COOKIE}={cookie}")["status"] == 303


def test_a_wrong_token_gives_none(access):
    assert access.sign_in(TOKEN[:-1]) is None
    assert access.sign_in("") is None
    assert access.sign_in("é") is None


def test_without_a_cookie_only_the_way_in_is_open(access):
    assert asked(access)["status"] == 303
    assert asked(access, "POST", "/issues/a/approval")["status"] == 401
    for path in ("/sign-in", "/assets/x/studio.css", "/shared/x"):
        assert "grant" in asked(access, path=path)


@pytest.mark.parametrize(
    ("method", "path", "open_"),
    [
        ("GET", "/issues/spring", True),
        ("GET", "/issues/spring/frame", True),
        ("GET", "/media/a.png", True),
        ("GET", "/events", True),
        ("GET", "/", False),
        ("GET", "/issues/springtime", False),
        ("GET", "/issues/spring/../summer", True),  # such a path is no route: paths are not joined
        ("GET", "/reports", False),
        ("GET", "/people", False),
        ("POST", "/issues/spring/comments", False),
    ],
)
def test_a_share_link_opens_one_issue_to_be_looked_at(access, method, path, open_):
    cookie = f"{COOKIE}={access.share('spring', 3600)}"
    seen = asked(access, method, path, cookie=cookie, origin="http://h:1")

    assert ("grant" in seen) is open_
    if open_:
        assert seen["grant"].issue == "spring"


def test_a_share_link_ends_and_so_do_all_with_a_new_token(access, clock):
    signed = access.share("spring", 3600)
    assert Access("another-long-enough-token", clock).grant(signed) is None
    clock.now += 3601
    assert access.grant(signed) is None


def test_a_share_link_lasts_a_month_at_most(access, clock):
    signed = access.share("spring", 10**9)
    clock.now += 31 * 24 * 3600

    assert access.grant(signed) is None


@given(st.text(max_size=80))
@settings(deadline=None)
def test_nothing_that_was_not_signed_here_is_believed(text):
    assert Access(TOKEN, Clock()).grant(text) is None


@given(st.integers(0, 60), st.characters(codec="ascii"))
@settings(deadline=None)
def test_a_changed_cookie_is_none(place, letter):
    access = Access(TOKEN, Clock())
    signed = access.share("spring", 3600)
    changed = signed[:place] + letter + signed[place + 1 :]

    assert changed == signed or access.grant(changed) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://h:1"}, None),
        ({}, None),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://h:2"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[", "sec_fetch_site": "same-origin"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_what_changes_something_must_come_from_the_studio_itself(clock, headers, status):
    """Another program on this machine has another port."""
    assert asked(Access(None, clock), "POST", "/issues/a/approval", **headers).get("status") == status
