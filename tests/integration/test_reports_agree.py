"""What came of a dispatch is told alike by `report`, by `status` and by the studio, on both databases."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from fakes.dispatching import fill, plan, run
from fakes.editions import edition
from fakes.providers import ScriptedProvider
from sqlalchemy import select
from webclient import WebClient

from newsletter.cli import newsletter
from newsletter.config import load_publication
from newsletter.delivery import Extent
from newsletter.delivery.models import DELIVERY, DISPATCH
from newsletter.delivery.tracking import COUNT
from newsletter.editions.links import find_links
from newsletter.studio import create_studio
from subscribers import Event, EventKind, record_events, writing
from subscribers.tables import insert

BASE = "https://news.example.com"
A, B = "https://a.example/", "https://b.example/"
HTML = f'<html><body><a href="{A}">a</a><a href="{B}">b</a><a href="{A}">a again</a></body></html>'
START = datetime(2026, 4, 11, 6, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path, engine):
    (tmp_path / "issues").mkdir()
    url = engine.url.render_as_string(hide_password=False)
    settings = (
        f'[publication]\nname = "N"\nfrom = "n@example.com"\nurl = "{BASE}"\n[database]\nurl = "{url}"\n'
    )
    (tmp_path / "newsletter.toml").write_text(settings, encoding="utf-8")
    return tmp_path


@pytest.fixture
def known(engine):
    """Six readers, and all that can be learned of them: by our links, by SendGrid, by machines, without names."""
    fill(engine, 6)
    what = replace(edition(), html=HTML, text="")
    links = tuple(link.frozen for link in find_links(what, BASE))
    plan(engine, ScriptedProvider(), what=what, tracked=Extent(True, True, False, links))
    run(engine, ScriptedProvider())
    with writing(engine) as connection:
        rows = connection.execute(
            select(DELIVERY.c.subscriber_id, DELIVERY.c.delivery_id).order_by(DELIVERY.c.subscriber_id)
        ).all()
        names = [f"{number}" for number in range(99)]

        def event(provider, kind, who, machine="", link=None, address=""):
            """An event; only those that SendGrid tells name their delivery."""
            subscriber, delivery = rows[who]
            at = START + timedelta(minutes=len(names))
            delivery = delivery if provider == "sendgrid" else ""
            by_machine = bool(machine)
            rule = "" if machine == "provider" else machine
            return Event(
                provider,
                names.pop(),
                kind,
                subscriber,
                at,
                "issue",
                "issue-1",
                by_machine,
                address,
                rule,
                link,
                delivery,
            )

        opened, clicked = EventKind.OPENED, EventKind.CLICKED
        record_events(connection, [
            event("sendgrid", EventKind.DELIVERED, 0), event("sendgrid", EventKind.DELIVERED, 1),
            event("sendgrid", EventKind.COMPLAINED, 1), event("tracking", opened, 0), event("tracking", opened, 0),
            event("tracking", opened, 1), event("sendgrid", opened, 1), event("sendgrid", opened, 2, "provider"),
            event("tracking", opened, 3, "proxy"), event("tracking", clicked, 0, link=1, address=A),
            event("tracking", clicked, 0, link=3, address=A), event("tracking", clicked, 3, link=3, address=A),
            event("tracking", clicked, 4, "too-soon", 2, B), event("sendgrid", clicked, 5, address=B),
            event("sendgrid", clicked, 0, "provider", address=B),
        ])  # fmt: skip
        dispatch = connection.scalar(select(DISPATCH.c.id))
        for kind, link, machine, count in (
            ("opened", 0, False, 7),
            ("clicked", 2, False, 2),
            ("clicked", 2, True, 1),
        ):
            row = {"dispatch_id": dispatch, "kind": kind, "link": link, "by_machine": machine, "count": count}
            connection.execute(insert(connection, COUNT).values(row))
    return engine


def told(folder, *words):
    result = CliRunner().invoke(newsletter, ["-C", str(folder), *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_all_reports_of_a_dispatch_agree(folder, known):
    """People, machines and those without names are the same everywhere, however an event was learned."""
    opens = {"people": 2, "machines": 2, "anonymous": 7, "anonymous_machines": 0}
    clicks = {"people": 3, "machines": 1, "anonymous": 2, "anonymous_machines": 1}
    report = told(folder, "report", "issue-1", "--format", "json")
    standing = told(folder, "status", "issue-1", "--json")
    studio = WebClient(create_studio(load_publication(folder), known))
    rows = list(csv.DictReader(studio.get("/reports/issue-1/clicks.csv").text.splitlines()))

    assert report["engagement"]["opens"] == standing["opens"] == opens
    assert report["engagement"]["clicks"] == standing["clicks"] == clicks
    events = {"delivered": 2, "opened": 2, "clicked": 3, "complained": 1}
    assert report["events"] == standing["events"] == events
    assert report["engagement"]["machines"] == {"provider": 2, "proxy": 1, "too-soon": 1}
    links = [
        (each["place"], each["url"], each["people"], each["machines"], each.get("anonymous", 0))
        for each in report["engagement"]["links"]
    ]
    assert links == [(1, A, 1, 0, 0), (2, B, 0, 1, 2), (3, A, 2, 0, 0), (0, B, 1, 1, 0)]
    assert links == [
        (
            int(row["place"] or 0),
            row["url"],
            *(int(row[name]) for name in ("people", "machines", "anonymous")),
        )
        for row in rows
    ]
    page = " ".join(studio.get("/reports/issue-1").text.split())
    for what, counts in (("opened", (2, 2, 7)), ("clicked", (3, 1, 2))):
        cells = "".join(
            f'<td class="number{soft}">{count}</td>'
            for count, soft in zip(counts, ("", " soft", " soft"), strict=True)
        )
        assert f'<th scope="row">{what}</th>{cells}' in page
    assert '<th scope="row">delivered</th><td class="number">2</td>' in page
    assert "33.3 %" in studio.get("/reports").text
    assert "50.0 %" in studio.get("/reports").text


def test_clicks_are_drawn_at_the_place_where_they_were_made(folder, known):
    """Two links to one address are told apart."""
    html = WebClient(create_studio(load_publication(folder), known)).get("/reports/issue-1/clicks").text

    first, second, third = (part.partition("</a>")[0] for part in html.split("<a ")[1:4])
    assert first.endswith(">1</span>")
    assert second.endswith(">2</span>")
    assert third.endswith(">2</span>")
    assert "2 times by nobody knows whom" in second


def test_clicks_are_told_by_what_a_link_says_and_where_it_stands(folder, known):
    """Two links to one address are told apart, in the table and in the file."""
    studio = WebClient(create_studio(load_publication(folder), known))
    page = studio.get("/reports/issue-1").text
    rows = list(csv.DictReader(studio.get("/reports/issue-1/clicks.csv").text.splitlines()))

    assert '<b class="says">a again</b>' in page
    assert [(row["place"], row["text"], row["url"]) for row in rows] == [
        ("1", "a", A), ("2", "b", B), ("3", "a again", A), ("", "b", B),
    ]  # fmt: skip
