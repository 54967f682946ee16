"""The readers' web service, put together."""

from __future__ import annotations

from functools import partial
from secrets import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text

from newsletter.editions.media import find_published
from newsletter.public.archive import archive
from newsletter.public.asking import asking
from newsletter.public.confirming import confirming
from newsletter.public.desk import Desk
from newsletter.public.hooks import MAX_BODY, SENDGRID, hooks
from newsletter.public.joining import joining
from newsletter.public.leaving import leaving
from newsletter.public.numbers import SendingNumbers
from newsletter.public.own_data import own_data
from newsletter.public.preferences import preferences
from newsletter.public.tracking import tracking
from newsletter.public.troubles import Door, is_one_click, troubles
from newsletter.web import Guard, Languages, media
from newsletter.web.guard import LOOPBACK
from newsletter.web.metrics import TYPE
from newsletter.web.proxies import Proxies, is_loopback
from newsletter.web.rates import Rates
from newsletter.web.refusals import Refusals
from newsletter.web.tally import Tally
from newsletter.web.watching import Log, Watch
from subscribers import now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from sqlalchemy import Engine

    from newsletter.config import Publication
    from newsletter.web.asgi import Scope
    from newsletter.web.metrics import Metrics

#: For every answer that does not say otherwise itself: what nobody thought of is private.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",  # a path may hold a reader's token
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
#: Who came over TLS once, comes over TLS for a year (RFC 6797).
OVER_TLS = {"strict-transport-security": f"max-age={365 * 24 * 3600}"}
#: Asked for by probes, under whatever name they know the machine.
ANY_HOST = frozenset({"/healthz", "/metrics"})


def create_app(
    publication: Publication,
    engine: Engine,
    *,
    hosts: Collection[str] = (),
    call_postman: Callable[[], None] = lambda: None,
    tally: Tally | None = None,
    clock: Callable[[], datetime] = now,
) -> FastAPI:
    """The web service of *publication* for its readers, on its database.

    ``GET /`` · ``GET,POST /subscribe`` · ``GET,POST /confirm/{token}`` · ``GET,POST /unsubscribe/{token}`` ·
    ``GET,POST /preferences`` · ``GET,POST /preferences/{token}`` · ``GET,POST /data/{token}`` ·
    ``GET,POST /erase/{token}`` · ``GET /issues/`` · ``GET /issues/{slug}`` · ``GET /feed.xml`` ·
    ``GET /sitemap.xml`` · ``GET /robots.txt`` · ``GET /c/{mark}`` · ``GET /o/{mark}.gif`` ·
    ``POST /webhooks/sendgrid`` · ``GET /media/{name}`` · ``GET /healthz`` · ``GET /metrics``. A GET changes
    nothing for a reader; no page needs a cookie or a script.

    Args:
        publication: whose readers they are.
        engine: its database.
        hosts: names under which it answers, beside that of the publication's address and ``[web] hosts``.
        call_postman: called when a notice was written that is to be mailed.
        tally: what is counted together with other workers; None if there are none.
        clock: tells the moment in UTC.
    """
    desk = Desk(publication, engine, call_postman, clock)
    app = FastAPI(
        title=publication.settings.publication.name, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.router.redirect_slashes = False  # a one-click request must never be redirected (RFC 8058 section 3.1)
    app.include_router(joining(desk))
    app.include_router(confirming(desk))
    app.include_router(leaving(desk))
    app.include_router(asking(desk))
    app.include_router(preferences(desk))
    app.include_router(own_data(desk))
    app.include_router(archive(desk))
    app.include_router(tracking(desk))
    app.include_router(hooks(desk))
    app.include_router(media(partial(find_published, publication.media)))
    tally = tally or Tally.of(publication.settings.web)
    _upkeep(app, desk, tally.metrics)
    troubles(app, desk)
    _doors(app, desk, tally, hosts)
    return app


def _doors(app: FastAPI, desk: Desk, tally: Tally, hosts: Collection[str]) -> None:
    """What a request passes before it is answered; the last one that is added here is the first to see it."""
    web, url = desk.publication.settings.web, urlsplit(desk.publication.settings.publication.url)
    names = {*LOOPBACK, *web.hosts, *hosts, (url.hostname or "").lower()}
    tls = OVER_TLS if url.scheme == "https" else {}
    assets = frozenset(desk.pages.asset(name) for name in ("pages.css", "icon.svg"))
    app.add_middleware(
        Guard,
        headers={**HEADERS, **tls},
        over_tls={} if tls else OVER_TLS,
        hosts=None if "*" in names else names,
        forms_of_others=True,
        any_host=ANY_HOST | assets,
        max_bodies={SENDGRID: MAX_BODY},
        body_seconds=web.request_seconds,
    )
    if tally.every is not None or tally.posts is not None:
        app.add_middleware(
            Rates,
            every=tally.every,
            posts=tally.posts,
            headers={**HEADERS, **tls},
            never=partial(_must_pass, desk, assets),
        )
    app.add_middleware(Proxies, trusted=web.trusted_proxies)
    log = Log(web.log, web.log_clients).write if web.log != "off" else None
    app.add_middleware(Watch, log=log, metrics=tally.metrics)
    door, all_say = Door(desk), {**HEADERS, **tls}
    app.add_middleware(Refusals, page=door.page, word=door.word, headers=all_say, machines=is_one_click)
    app.add_middleware(Languages)


def _must_pass(desk: Desk, assets: Collection[str], scope: Scope) -> bool:
    """Whether a request is answered however many came before it from the same network.

    Somebody's wish to leave, by a link that was made here, is never put off: the mail services that pass on
    what their readers press come from few networks, all at once. So do the events of a provider, which signs
    them, and whose route has limits of its own. What the page that refuses looks like is no secret, and
    cheaper than the page.
    """
    action, _, token = scope["path"].strip("/").partition("/")
    if scope["method"] != "POST":
        return scope["path"] in assets
    return action == "webhooks" or (action == "unsubscribe" and desk.tokens.may_be_good(action, token))


def _upkeep(app: FastAPI, desk: Desk, metrics: Metrics | None) -> None:
    """The routes that machines ask for."""

    @app.api_route("/healthz", methods=["GET", "HEAD"])
    def healthz() -> JSONResponse:
        with desk.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok"})

    file = desk.publication.settings.web.metrics_token_file
    secret = (
        desk.publication.secret(file, "", what="the token of /metrics").get_secret_value() if file else ""
    )

    sending = SendingNumbers(desk.engine, desk.clock)

    @app.get("/metrics")
    async def numbers(request: Request) -> Response:
        """For this machine, or whoever has the token; anybody else learns not even that there are some."""
        said = request.headers.get("authorization", "")
        known = bool(secret) and compare_digest(said.encode(), f"Bearer {secret}".encode())
        client = request.client.host if request.client else ""
        # A proxy on this machine that names no client passes on the name that the client asked for.
        here = is_loopback(client) and request.url.hostname in LOOPBACK
        if metrics is None or not (known or here):
            raise HTTPException(404)
        return Response(metrics.text() + await run_in_threadpool(sending.text), media_type=TYPE)

    @app.api_route("/assets/{digest}/{name}", methods=["GET", "HEAD"])
    def asset(digest: str, name: str) -> Response:  # noqa: ARG001 - the digest makes caches forget
        found = desk.pages.file(name)
        if found is None:
            raise HTTPException(404)
        return found
