"""The pages about dispatches and the list: comparison, one dispatch live, its clicks, growth, files."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from newsletter.studio.charts import as_csv
from newsletter.studio.frames import FRAME_HEADERS, frame
from newsletter.studio.issue_pages import attachment
from newsletter.studio.modes import Mode
from newsletter.studio.reports import PLACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from newsletter.delivery import LinkClicks, Reach
    from newsletter.studio.reports import Reports
    from newsletter.studio.watch import Watch
    from newsletter.web import Pages

#: How often a page about a running dispatch looks at the ledger, in seconds.
LOOKS_EVERY = 1.0
#: A page about a running dispatch that is followed takes up at most this share of the time.
SHARE = 0.1
_LINK = re.compile(r"(<a\b[^>]*\bhref=\"([^\"]*)\"[^>]*>)(.*?)(</a>)", re.DOTALL | re.IGNORECASE)
_PLACE = re.compile(rf"\s{PLACE}=\"(\d+)\"")
#: How a link's number looks in the edition; the mail's own styles must not reach it.
_BADGE = (
    "all:initial;display:inline-block;margin:0 2px;padding:1px 6px;border-radius:9px;background:#1c1d20;"
    "color:#fff;font:700 11px/1.4 system-ui,sans-serif;vertical-align:super"
)


def add_report_pages(app: FastAPI, reports: Reports, pages: Pages, watch: Watch) -> None:
    """Add them."""

    @app.get("/reports")
    def dispatches() -> HTMLResponse:
        return pages.page("reports", **reports.dispatches())

    @app.get("/people")
    def people() -> HTMLResponse:
        return pages.page("people", **reports.people())

    @app.get("/reports/{name}")
    def dispatch(name: str) -> HTMLResponse:
        shown = reports.dispatch(name)
        if shown is None:
            raise HTTPException(404)
        return pages.page("report", **shown)

    @app.get("/reports/{name}/clicks")
    def clicks(name: str, mode: str = Mode.LIGHT) -> HTMLResponse:
        shown = reports.clicked(name)
        if shown is None:
            raise HTTPException(404)
        proof, links = shown
        html = with_clicks(reports.shown(proof), links)
        return HTMLResponse(
            frame(html, Mode(mode) if mode in set(Mode) else Mode.LIGHT), headers=FRAME_HEADERS[True]
        )

    @app.get("/reports/{name}/{table}.csv")
    def table(name: str, table: str) -> Response:
        rows = reports.table(name, table)
        if rows is None:
            raise HTTPException(404)
        return Response(
            as_csv(rows), media_type="text/csv; charset=utf-8", headers=attachment(f"{name}-{table}.csv")
        )

    @app.get("/reports.csv")
    def comparison() -> Response:
        rows = reports.dispatches()["chart"].rows()
        return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=attachment("reports.csv"))

    @app.get("/people.csv")
    def growth() -> Response:
        chart = reports.people()["chart"]
        rows = chart.rows() if chart else [[""]]
        return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=attachment("list.csv"))

    @app.get("/reports/{name}/live")
    async def live(name: str) -> StreamingResponse:
        return StreamingResponse(_changes(reports, name, watch), media_type="text/event-stream")


async def _changes(reports: Reports, name: str, watch: Watch) -> AsyncIterator[str]:
    """A ``change`` when the ledger says something new of a dispatch, until it has ended.

    Whether it does is seen cheaply; a page that takes long to read is asked for so seldom that reading takes
    no more than `SHARE` of the time.
    """
    told, rest = None, 0.0
    yield "retry: 2000\nevent: hello\ndata:\n\n"
    while not watch.stopping:
        mark = await asyncio.to_thread(reports.mark, name)
        if mark is None or mark.finished_at is not None:
            break
        told = told or mark
        if mark != told and rest <= 0:
            told, rest = mark, reports.cost(name) / SHARE
            yield "event: change\ndata:\n\n"
        await watch.wait(LOOKS_EVERY)
        rest -= LOOKS_EVERY
    yield "event: end\ndata:\n\n"


def with_clicks(html: str, links: Sequence[LinkClicks]) -> str:
    """*html* with the number of people who followed each link, behind it.

    A link is known by its place (`PLACE`); what a provider tells, by its address.
    """
    counts: dict[object, Reach] = {each.place or each.url: each.clicks for each in links}

    def one(match: re.Match[str]) -> str:
        place = _PLACE.search(match[1])
        for key in (int(place[1]) if place else None, unescape(match[2])):
            did = counts.get(key)
            if did is not None and any(did.to_dict().values()):
                return f"{match[1]}{match[3]}{_badge(did)}{match[4]}"
        return match[0]

    return _LINK.sub(one, html)


def _badge(did: Reach) -> str:
    people = f"{did.people:,} {'person' if did.people == 1 else 'people'}"
    told = f"followed by {people}, and {did.machines:,} {'machine' if did.machines == 1 else 'machines'}"
    if did.anonymous:
        told += f"; {did.anonymous:,} {'time' if did.anonymous == 1 else 'times'} by nobody knows whom"
    number = did.people or did.anonymous
    return f'<span style="{_BADGE}" title="{told}">{number:,}</span>'
