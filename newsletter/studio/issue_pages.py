"""The pages about issues: the list, an issue in all its views, its frames, its message, its static copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from newsletter.errors import NewsletterError
from newsletter.studio.access import Grant
from newsletter.studio.audience import count_seen
from newsletter.studio.export import static_copy
from newsletter.studio.frames import FRAME_HEADERS, frame
from newsletter.studio.look import Look, View
from newsletter.studio.trouble import explain

if TYPE_CHECKING:
    from newsletter.studio.desk import Desk
    from newsletter.studio.workbench import Draft
    from newsletter.web import Pages


def add_issue_pages(app: FastAPI, desk: Desk, pages: Pages) -> None:
    """Add what a person opens, and the frames in it."""

    @app.get("/")
    def issues(page: int = 1, find: str = "") -> HTMLResponse:
        return pages.page("list", listing=desk.listing(page, find[:200]), zone=desk.zone)

    @app.get("/issues/{slug}")
    def issue(slug: str, request: Request) -> HTMLResponse:
        draft = found(desk, slug)
        look = Look.of(request.query_params)
        return pages.page("issue", **desk.issue(draft, look, granted(request)), said=None)

    @app.get("/issues/{slug}/findings")
    def findings(slug: str) -> HTMLResponse:
        draft = found(desk, slug)
        try:
            return pages.page("found", findings=draft.findings, trouble=None)
        except NewsletterError as error:
            return pages.page("found", findings=(), trouble=explain(error, desk.workbench.publication.root))

    @app.get("/issues/{slug}/unseen")
    def unseen(slug: str, request: Request) -> HTMLResponse:
        draft, look = found(desk, slug), Look.of(request.query_params)
        if draft.pressed is None or not granted(request).everything:
            raise HTTPException(404)
        seen = count_seen(desk.engine, draft.pressed, until_all=True)
        return pages.page("unseen", seen=seen, readers=look.but(view=View.READERS), slug=slug)

    @app.get("/issues/{slug}/frame")
    def framed(slug: str, request: Request) -> HTMLResponse:
        draft, look = found(desk, slug), Look.of(request.query_params)
        html = desk.frame(draft, look, granted(request), lines="lines" in request.query_params)
        if html is None:
            raise HTTPException(404)
        return HTMLResponse(html, headers=FRAME_HEADERS[look.images])

    @app.get("/issues/{slug}/earlier")
    def earlier(slug: str, request: Request) -> HTMLResponse:
        draft, look = found(desk, slug), Look.of(request.query_params)
        try:
            shown = desk.earlier(draft, look, granted(request))
        except NewsletterError as error:
            raise HTTPException(404) from error
        if shown is None:
            raise HTTPException(404)
        html = desk.with_own_images(shown[1].html, shown[1].message.composer.edition)
        return HTMLResponse(frame(html, look.mode), headers=FRAME_HEADERS[look.images])

    @app.get("/issues/{slug}/message.eml")
    def message(slug: str, request: Request) -> Response:
        draft = found(desk, slug)
        proof = desk.proof(draft, Look.of(request.query_params), granted(request))
        if proof is None:
            raise HTTPException(404)
        name = proof.message.composer.edition.slug
        return Response(proof.bytes, media_type="message/rfc822", headers=attachment(f"{name}.eml"))

    @app.get("/issues/{slug}/preview.html")
    def copy(slug: str, request: Request) -> Response:
        draft = found(desk, slug)
        proof = desk.proof(draft, Look.of(request.query_params), granted(request))
        if proof is None or draft.pressed is None:
            raise HTTPException(404)
        html = static_copy(draft.pressed, proof, draft.findings, desk.publication)
        return Response(
            html, media_type="text/html", headers=attachment(f"{draft.pressed.edition.slug}-preview.html")
        )


def found(desk: Desk, slug: str) -> Draft:
    """The issue with that name.

    Raises:
        HTTPException: there is none.
    """
    draft = desk.workbench.find(slug)
    if draft is None:
        raise HTTPException(404)
    return draft


def granted(request: Request) -> Grant:
    """What the request may, as the gate found out."""
    grant: Grant = request.state.grant
    return grant


def attachment(name: str) -> dict[str, str]:
    """The header by which a browser saves an answer as a file; *name* is ASCII (RFC 6266)."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name
    )
    return {"content-disposition": f'attachment; filename="{plain}"'}
