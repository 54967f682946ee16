"""The log's filters, and the report that is kept of a dispatch."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest
from fakes.dispatching import fill, names, plan, run
from fakes.providers import ScriptedProvider
from sqlalchemy import delete, update

from newsletter.delivery import DeliveryState, LogFilter, log, settle
from newsletter.delivery.models import DELIVERY
from newsletter.delivery.summary import as_document, as_markdown, kind_of, summarise
from newsletter.providers import Verdict
from subscribers import writing
from subscribers.tables import SUBSCRIBER

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from newsletter.messages import Message

VERDICTS = {
    "reader1@example.com": Verdict.UNCERTAIN,
    "reader2@example.com": Verdict.REJECTED,
    "reader3@example.com": Verdict.DEFERRED,
    "reader4@example.com": Verdict.UNCERTAIN,
}


@pytest.fixture
def ended(engine: Engine) -> Engine:
    """Six readers, the last at another domain; two in doubt, one of them settled, one rejected, one failed."""
    fill(engine, 6)
    with writing(engine) as connection:
        row = update(SUBSCRIBER).where(SUBSCRIBER.c.email_key == "reader6@example.com")
        connection.execute(
            row.values(email="Reader6@bücher.example", email_key="reader6@xn--bcher-kva.example")
        )
    provider = ScriptedProvider(lambda message: VERDICTS.get(message.email, Verdict.ACCEPTED))
    provider.smtputf8 = True
    plan(engine, provider)
    run(engine, provider)
    settle(engine, "issue-1", DeliveryState.FAILED, who=["reader4@example.com"], reason="not | in *the* log")
    return engine


def found(engine: Engine, state: str | None = None, **wanted: object) -> set[str]:
    return {line.email for line in log(engine, "issue-1", state, LogFilter(**wanted))}


def test_the_log_is_filtered(ended: Engine) -> None:
    with writing(ended) as connection:
        early = update(DELIVERY).where(DELIVERY.c.state == "rejected")
        connection.execute(early.values(at=datetime(2020, 1, 1, tzinfo=UTC)))

    assert found(ended, reason="SAID rej") == names(2)
    assert found(ended, domain="Bücher.example") == {"Reader6@bücher.example"}
    assert found(ended, domain="xn--bcher-kva.example") == {"Reader6@bücher.example"}
    assert found(ended, domain="example.com") == names(1, 2, 3, 4, 5)
    assert found(ended, domain="ample.com") == set()
    assert found(ended, email="READER2@example.com") == names(2)
    assert found(ended, since=datetime(2021, 1, 1, tzinfo=UTC), domain="example.com") == names(1, 3, 4, 5)
    assert found(ended, "accepted", domain="example.com") == names(5)


def test_who_is_pending_is_found_by_address_and_domain_but_not_by_time(engine: Engine) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())

    assert found(engine, email="reader2@example.com") == names(2)
    assert found(engine, domain="example.com") == names(1, 2, 3)
    assert found(engine, since=datetime(2020, 1, 1, tzinfo=UTC)) == set()


def test_a_report_tells_all_of_a_dispatch(ended: Engine) -> None:
    document = json.loads(as_document(summarise(ended, "issue-1")))

    assert document["outcomes"] == {
        "accepted": 2, "rejected": 1, "failed": 2, "skipped": 0, "uncertain": 1, "pending": 0,
    }  # fmt: skip
    assert document["domains"] == {
        "example.com": {"uncertain": 1, "rejected": 1, "failed": 2, "accepted": 1},
        "bücher.example": {"accepted": 1},
    }
    assert {"state": "rejected", "reason": "said rejected", "count": 1} in document["reasons"]
    assert [each["email"] for each in document["uncertain"]] == ["reader1@example.com"]
    (note,) = document["settled"]
    assert (note["email"], note["after"]) == ("reader4@example.com", "failed")
    assert set(document["times"]) == {"planned", "first_outcome", "last_outcome", "finished"}
    assert None not in document["times"].values()
    assert document["seconds"] >= 0


def test_a_report_for_people_is_a_page_of_tables(ended: Engine) -> None:
    text = as_markdown(summarise(ended, "issue-1"), UTC)

    assert text.startswith("# Dispatch issue-1\n")
    assert "| accepted | 2 | 33.3% |" in text
    assert "| reader4@example.com | uncertain | failed | not \\| in \\*the\\* log |" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Outcomes",
        "## Times",
        "## By domain",
        "## By reason",
        "## May or may not have been mailed",
        "## Settled by hand or by evidence",
    ]


def test_a_report_of_what_was_not_begun_is_one_too(engine: Engine) -> None:
    fill(engine, 3)
    plan(engine, ScriptedProvider())

    summary = summarise(engine, "issue-1")

    assert (summary.seconds, summary.first_at) == (None, None)
    assert "| pending | 3 | 100.0% |" in as_markdown(summary, UTC)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("550 5.1.1 <ann@example.com>: unknown", "550 5.1.1 … unknown"),
        ("450 4.2.0 greylisted for 300 seconds", "450 4.2.0 greylisted for 300 seconds"),
        ("554 5.7.1 blocked, see 4ABC1234DEF", "554 5.7.1 blocked, see …"),
    ],
)
def test_reasons_are_counted_without_what_is_of_one_recipient(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


def test_a_span_is_from_the_first_to_the_last_outcome(ended: Engine) -> None:
    with writing(ended) as connection:
        start = datetime(2026, 4, 11, tzinfo=UTC)
        for number in range(1, 7):
            row = update(DELIVERY).where(DELIVERY.c.subscriber_id == number)
            connection.execute(row.values(at=start + timedelta(seconds=number)))

    assert summarise(ended, "issue-1").seconds == 5
    assert "1.2 outcomes a second over 5 s" in as_markdown(summarise(ended, "issue-1"), UTC)


def test_what_the_database_counts_is_what_the_log_lists(engine: Engine) -> None:
    """Of those with an outcome and of those without, whose address is gone or has two @."""
    fill(engine, 12)
    odd = {"reader2@example.com": '"a@b"@Second.example', "reader11@example.com": "x@SECOND.example"}
    with writing(engine) as connection:
        for email, other in odd.items():
            connection.execute(update(SUBSCRIBER).where(SUBSCRIBER.c.email == email).values(email=other))
    stop = Event()

    def judge(message: Message) -> Verdict:
        if message.email == "reader7@example.com":
            stop.set()
        return VERDICTS.get(message.email, Verdict.ACCEPTED)

    provider = ScriptedProvider(judge, batch_size=3)
    provider.smtputf8 = True
    plan(engine, provider)
    run(engine, provider, stop=stop)
    with writing(engine) as connection:
        for email in ("reader1@example.com", "reader12@example.com"):
            connection.execute(delete(SUBSCRIBER).where(SUBSCRIBER.c.email == email))
    listed: dict[str, Counter[str]] = defaultdict(Counter)
    for line in log(engine, "issue-1"):
        listed[line.email.rpartition("@")[2].lower() or "(erased)"][line.state] += 1
    counted = summarise(engine, "issue-1")

    assert {"example.com", "second.example", "(erased)"} == counted.domains.keys()
    assert counted.domains == listed
    assert 0 < sum(counts["pending"] for counts in listed.values()) < 12
    assert len(counted.uncertain) == sum(counts["uncertain"] for counts in listed.values())
