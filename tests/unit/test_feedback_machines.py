"""People and machines told apart by what a request says of itself."""

from __future__ import annotations

import pytest

from newsletter.feedback.machines import Asked, machine, rules, timing
from subscribers import EventKind

OPENED, CLICKED = EventKind.OPENED, EventKind.CLICKED
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.10.1"
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT X18 Plus) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.119 Mobile Safari/537.36"


def by(agent: str, kind: EventKind = CLICKED, method: str = "GET", **headers: str) -> str:
    return machine(kind, Asked(method, {"user-agent": agent, **headers}))


@pytest.mark.parametrize("agent", [SAFARI, CHROME, FIREFOX, THUNDERBIRD, OUTLOOK, GMAIL])
@pytest.mark.parametrize("kind", [OPENED, CLICKED])
def test_browsers_and_mail_programs_may_be_people(agent, kind):
    assert by(agent, kind) == ""


@pytest.mark.parametrize(
    ("agent", "rule"),
    [
        ("", "no-agent"),
        ("-", "no-agent"),
        ("curl/8.5.0", "program"),
        ("python-requests/2.31", "program"),
        ("Go-http-client/1.1", "program"),
        ("Barracuda Sentinel (EE)", "security-scanner"),
        (CHROME.replace("Safari", "Proofpoint Safari"), "security-scanner"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "robot"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "robot"),
    ],
)
def test_machines_that_say_what_they_are_are_believed(agent, rule):
    assert by(agent) == rule


def test_apples_privacy_proxy_opens_but_does_not_click():
    """It loads images only; a person's program that says no more than this is still a person's when it clicks."""
    assert by("Mozilla/5.0", OPENED) == "apple-privacy-proxy"
    assert by("Mozilla/5.0", CLICKED) == ""


def test_head_and_prefetching_are_no_persons():
    assert by(CHROME, method="HEAD") == "head"
    assert by(CHROME, **{"sec-purpose": "prefetch;prerender"}) == "prefetch"
    assert by(FIREFOX, **{"x-moz": "prefetch"}) == "prefetch"


def test_each_rule_says_why_and_by_which_source():
    assert all(rule.why.endswith(".") and rule.source for rule in rules())
    assert timing().source


def test_a_telephone_called_cubot_is_a_persons():
    assert by(CUBOT) == ""
