"""The pages about dispatches and the list, on both databases."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes.dispatching import fill, plan, run
from fakes.editions import edition
from fakes.providers import ScriptedProvider
from sqlalchemy import event, select, update
from webclient import WebClient

from newsletter.config import load_publication
from newsletter.delivery import DeliveryState, LinkClicks, Reach, settle, status
from newsletter.delivery.counting import mark_of
from newsletter.delivery.models import DELIVERY
from newsletter.delivery.timeline import timeline
from newsletter.providers import Verdict
from newsletter.studio import create_studio
from newsletter.studio.desk import Desk
from newsletter.studio.readers import Readers
from newsletter.studio.report_pages import _changes, with_clicks
from newsletter.studio.reports import Reports
from newsletter.studio.watch import Watch
from newsletter.studio.workbench import Workbench
from subscribers import Event, EventKind, record_events, writing

SETTINGS = '[publication]\nname = "N"\nfrom = "n@example.com"\nurl = "https://n.example.com"\n'
START = datetime(2026, 4, 11, 6, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "newsletter.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "issues").mkdir()
    return tmp_path


@pytest.fixture
def sent(engine):
    """Six readers: one rejected, one in doubt, the others accepted within two minutes."""
    fill(engine, 6)
    verdicts = {"reader1@example.com": Verdict.REJECTED, "reader2@example.com": Verdict.UNCERTAIN}
    provider = ScriptedProvider(lambda message: verdicts.get(message.email, Verdict.ACCEPTED))
    plan(engine, provider)
    run(engine, provider)
    with writing(engine) as connection:
        for number, who in enumerate(sorted(connection.scalars(select(DELIVERY.c.subscriber_id)))):
            at = START + timedelta(seconds=24 * number)
            connection.execute(update(DELIVERY).where(DELIVERY.c.subscriber_id == who).values(at=at))
    return engine


def happened(engine):
    def did(number, kind, who, machine=False, url="", dispatch="issue-1"):
        return Event("p", f"e{number}", kind, who, START, "issue", dispatch, machine, url)

    with engine.connect() as connection:
        ids = sorted(connection.scalars(select(DELIVERY.c.subscriber_id)))
    with writing(engine) as connection:
        record_events(connection, [
            did(1, EventKind.OPENED, ids[2]), did(2, EventKind.OPENED, ids[2]), did(3, EventKind.OPENED, ids[3]),
            did(4, EventKind.OPENED, ids[4], machine=True),
            did(5, EventKind.CLICKED, ids[2], url="https://a.example/"),
            did(6, EventKind.CLICKED, ids[3], url="https://a.example/"),
            did(7, EventKind.CLICKED, ids[4], machine=True, url="https://b.example/"),
            did(8, EventKind.CLICKED, ids[4], url="https://c.example/", dispatch="other-1"),
        ])  # fmt: skip


def client(folder, engine):
    return WebClient(create_studio(load_publication(folder), engine))


def test_outcomes_are_counted_over_time(sent):
    found = timeline(sent, "issue-1")

    assert found.seconds == 5
    assert found.moments[0].at == START
    assert sum(sum(moment.counts.values()) for moment in found.moments) == 6
    filled = [number for number, moment in enumerate(found.moments) if moment.counts]
    assert filled == [0, 4, 9, 14, 19, 24]


def test_a_dispatch_without_outcomes_has_no_moments(engine):
    fill(engine, 1)
    plan(engine, ScriptedProvider())

    assert timeline(engine, "issue-1").moments == ()


def test_the_page_of_a_dispatch_tells_all(folder, sent):
    happened(sent)
    page = client(folder, sent).get("/reports/issue-1").text

    for word in (
        "reader2@example.com",
        "example.com",
        "rejected",
        "In doubt",
        "https://a.example/",
        "<svg",
        "Why not",
    ):
        assert word in page
    assert "Outcomes, every 5 seconds: accepted 4, rejected 1, uncertain 1 recipients." in page


def test_dispatches_are_compared(folder, sent):
    happened(sent)
    page = client(folder, sent).get("/reports").text

    assert "/reports/issue-1" in page
    assert "50.0 %" in page  # two people opened of four accepted


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("outcomes", "accepted,4"),
        ("domains", "example.com,4,1,1"),
        ("uncertain", "reader2@example.com,"),
        ("clicks", ",,,https://a.example/,html,2,0,0"),
        ("time", "06:00:00"),
        ("reasons", "rejected,"),
    ],
)
def test_every_table_is_a_file(folder, sent, table, line):
    happened(sent)
    answer = client(folder, sent).get(f"/reports/issue-1/{table}.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert any(each.startswith(line) for each in answer.text.splitlines())


def test_each_file_and_picture_has_a_name_of_its_own(folder, sent):
    """For those to whom a page is read, link by link."""
    page = client(folder, sent).get("/reports/issue-1").text
    names = re.findall(r"(?:download|data-png hidden)>(.*?)</(?:a|button)>", page)

    assert len(names) == len(set(names)) > 3


def test_what_there_is_not_is_not_found(folder, sent):
    web = client(folder, sent)
    for path in ("/reports/none-1", "/reports/none-1/clicks", "/reports/issue-1/none.csv", "/reports/..%2fx"):
        assert web.get(path).status_code == 404


def test_without_a_database_the_pages_say_what_makes_one(folder):
    web = client(folder, None)

    assert "Nothing was sent yet" in web.get("/reports").text
    assert "There is no list yet" in web.get("/people").text
    assert web.get("/reports/x").status_code == 404


def test_the_list_is_told_by_month(folder, engine):
    fill(engine, 3)
    page = client(folder, engine).get("/people").text

    assert "<strong>3</strong> can be mailed" in page
    assert client(folder, engine).get("/people.csv").status_code == 200


def test_clicks_are_drawn_behind_their_links():
    told = (
        LinkClicks(0, "https://a.example/?x=1&y=2", "html", Reach(people=3, machines=9)),
        LinkClicks(2, "https://c.example/", "html", Reach(people=5, anonymous=7)),
    )
    html = (
        '<a class="b" href="https://a.example/?x=1&amp;y=2">A <b>link</b></a>'
        '<a href="https://c.example/" data-place="1">C</a><a href="https://c.example/" data-place="2">C</a>'
    )
    drawn = with_clicks(html, told)

    assert ">3</span></a>" in drawn
    assert "followed by 3 people, and 9 machines" in drawn
    assert '<a href="https://c.example/" data-place="1">C</a>' in drawn
    assert ">5</span></a>" in drawn
    assert "7 times by nobody knows whom" in drawn


def test_clicks_are_shown_on_the_edition_as_it_was_frozen(folder, sent):
    answer = client(folder, sent).get("/reports/issue-1/clicks")

    assert answer.status_code == 200
    assert "script-src 'none'" in answer.headers["content-security-policy"]


def test_a_page_about_a_running_dispatch_is_told_of_each_change(folder, engine):
    fill(engine, 2)
    provider = ScriptedProvider()
    plan(engine, provider, what=edition())
    publication = load_publication(folder)
    readers = Readers(engine)
    reports = Reports(engine, Desk(Workbench(publication, readers.attributes), readers, lambda: 0.0, engine))

    async def listen():
        watch = Watch(publication)
        stream = _changes(reports, "issue-1", watch)
        told = [await anext(stream)]
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        while True:
            await asyncio.to_thread(lambda: None)
            if reports.standing("issue-1").pending == 2:
                break
        await asyncio.to_thread(run, engine, provider)
        told.append(await reading)
        return [*told, *[event async for event in stream]]

    told = asyncio.run(listen())
    assert status(engine, "issue-1").pending == 0
    assert [part.split("\n")[-4] for part in told][1:] in (["event: change", "event: end"], ["event: end"])


def test_whether_something_changed_is_seen_without_reading_deliveries(engine):
    """An outcome, and one that is settled, are seen by the batches and the settlements alone."""
    fill(engine, 4)
    provider = ScriptedProvider(lambda _: Verdict.UNCERTAIN)
    plan(engine, provider, what=edition())
    asked = []
    before = mark_of(engine, "issue-1")
    run(engine, provider)
    after = mark_of(engine, "issue-1")
    settle(engine, "issue-1", DeliveryState.ACCEPTED, who=["reader1@example.com"], reason="seen")
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2].lower()))
    settled = mark_of(engine, "issue-1")

    assert (before.pending, before.finished_at) == (4, None)
    assert after.pending == 0
    assert after.finished_at is not None
    assert settled == replace(after, settled=1)
    assert [query for query in asked if "batch" in query]
    assert not [query for query in asked if "delivery" in query]
    assert mark_of(engine, "nothing") is None
