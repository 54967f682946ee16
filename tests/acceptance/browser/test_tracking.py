"""Opens and clicks, from a real `send` through a real browser to the report; and a reader who says no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from browsing import newsletter
from playwright.sync_api import expect
from sqlalchemy import update

from newsletter.config import load_publication
from newsletter.delivery.models import DELIVERY
from newsletter.messages import personal_links
from newsletter.migrations import open_database
from subscribers import SubscriberStore, Tokens, writing

SETTINGS = """
[tracking]
opens = true
clicks = true
"""
ISSUE = """---
title: A plain issue
date: 2026-05-01
preheader: What a plain issue says in one line, long enough for an inbox.
---

## First section

### First story

Some text with a [link that says where]({url}/healthz?from=mail&x=1) it leads, and one that
[nobody counts]({url}/healthz?from=elsewhere){{track=no}}.
"""
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)


@pytest.fixture
def page(browser):
    """A window without scripts; what the browser says of an origin without TLS is no matter here."""
    with browser.new_context(java_script_enabled=False, user_agent=CHROME) as context:
        yield context.new_page()


@pytest.fixture
def at_home(service, monkeypatch):
    """Commands work as if the service that runs here were where readers reach the publication."""
    monkeypatch.setenv("NEWSLETTER_PUBLICATION__URL", service)


def html_for(folder, address: str) -> str:
    for file in (folder / "outbox").rglob("*.eml"):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        if address in message["To"]:
            return message.get_body(("html",)).get_content()
    raise AssertionError(f"no message to {address}")


def test_a_reader_who_agreed_opens_and_clicks_and_one_who_did_not_is_never_seen(
    folder, service, at_home, page
):
    there = service.replace("127.0.0.1", "there.example")
    (folder / "issues" / "plain.md").write_text(ISSUE.format(url=there), encoding="utf-8")
    newsletter(folder, "subscribers", "add", "ann@example.com")
    newsletter(folder, "subscribers", "add", "bob@example.com")
    newsletter(folder, "subscribers", "track", "ann@example.com", "--allow", "--why", "asked by mail")
    newsletter(folder, "send", "plain", "--all", "--yes")
    engine = open_database(load_publication(folder))
    with writing(engine) as connection:
        connection.execute(update(DELIVERY).values(at=datetime.now(UTC) - timedelta(hours=1)))
    engine.dispose()

    for who in ("ann", "bob"):
        path = folder / f"{who}.html"
        path.write_text(html_for(folder, f"{who}@example.com"), encoding="utf-8")
        page.goto(path.as_uri())
        page.get_by_role("link", name="link that says where").click()
        page.wait_for_url(f"{there}/healthz?from=mail&x=1")
        page.goto(path.as_uri())
        page.get_by_role("link", name="nobody counts").click()
        page.wait_for_url(f"{there}/healthz?from=elsewhere")
        assert page.context.cookies() == []
    assert "/c/" not in html_for(folder, "bob@example.com")

    report, recorded = "", ("| opened | 1 | 0 | 0 |", "| clicked | 1 | 0 | 0 |")
    while not all(line in report for line in recorded):  # the record follows the answer
        report = newsletter(folder, "report", "plain-1")
    assert f"| 1 | {there}/healthz?from=mail\\&x=1 | html | 1 | 0 | 0 |" in report
    assert '"people": 1' in newsletter(folder, "status", "plain-1", "--json")


def test_a_reader_allows_and_forbids_on_the_preferences_page(folder, service, page):
    engine = open_database(load_publication(folder))
    store = SubscriberStore(engine)
    ann, _ = store.add("cho@example.com")
    link = personal_links(service, Tokens(engine), ann.public_id, "an-issue")["preferences"]
    page.goto(link)
    expect(page.get_by_text("At present we do not.")).to_be_visible()
    page.get_by_role("button", name="Count what I read", exact=True).click()
    expect(page.get_by_text("At present we do.")).to_be_visible()
    said = store.find("cho@example.com")
    page.get_by_role("button", name="Do not count what I read").click()
    expect(page.get_by_text("At present we do not.")).to_be_visible()
    then = store.find("cho@example.com")
    engine.dispose()

    assert (said.tracking, then.tracking) == ("granted", "denied")
    assert [line.kind for line in then.consent][-2:] == ["tracking_allowed", "tracking_denied"]
    assert then.consent[-1].text.startswith("We may learn which of our mails you open")
