"""What a form of an issue's page does: comment, approve, mail a test, open the editor, share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse

from newsletter import review
from newsletter.errors import NewsletterError, UsageError
from newsletter.studio.issue_pages import found, granted
from newsletter.studio.look import Look
from newsletter.studio.testing import mail_test
from subscribers import SubscribersError

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.studio.access import Access
    from newsletter.studio.desk import Desk
    from newsletter.studio.workbench import Draft
    from newsletter.web import Pages

Text = Annotated[str, Form()]
Number = Annotated[int, Form()]


@dataclass(frozen=True)
class Said:
    """What came of a form; ``link`` is something to be passed on."""

    text: str
    good: bool = True
    link: str = ""


class _Forms:
    """Does what a form asks, and answers with the issue's page, which says what came of it."""

    def __init__(self, desk: Desk, pages: Pages, clock: Callable[[], float]) -> None:
        self.desk = desk
        self._pages = pages
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def answered(self, request: Request, slug: str, act: Callable[[Draft], Said]) -> HTMLResponse:
        draft = found(self.desk, slug)
        try:
            said = act(draft)
        except (NewsletterError, SubscribersError) as error:
            hint = f" {error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
            said = Said(f"{error.what[:1].upper()}{error.what[1:]}.{hint}", good=False)
        look = Look.of(request.query_params)
        shown = self.desk.issue(found(self.desk, slug), look, granted(request))
        return self._pages.page("issue", status=200 if said.good else 422, **shown, said=said)


def add_review_pages(
    app: FastAPI, desk: Desk, pages: Pages, access: Access, clock: Callable[[], float]
) -> None:
    """Add the forms."""
    forms = _Forms(desk, pages, clock)
    _reviewing(app, forms)
    _passing_on(app, forms, access)


def _reviewing(app: FastAPI, forms: _Forms) -> None:
    @app.post("/issues/{slug}/comments")
    def comment(
        request: Request, slug: str, text: Text = "", by: Text = "", line: Number = 0
    ) -> HTMLResponse:
        def act(draft: Draft) -> Said:
            lines = draft.sheet.path.read_text(encoding="utf-8", errors="replace").splitlines()
            quote = lines[line - 1] if 0 < line <= len(lines) else ""
            review.comment(draft.sheet.path, line if quote.strip() else 0, quote, text, by, forms.now())
            return Said("The comment is kept.")

        return forms.answered(request, slug, act)

    @app.post("/issues/{slug}/comments/{comment_id}")
    def settle(
        request: Request, slug: str, comment_id: str, by: Text = "", resolved: Text = ""
    ) -> HTMLResponse:
        def act(draft: Draft) -> Said:
            review.settle(draft.sheet.path, comment_id, by, forms.now(), resolved=resolved == "yes")
            return Said("The comment is resolved." if resolved == "yes" else "The comment is open again.")

        return forms.answered(request, slug, act)

    @app.post("/issues/{slug}/approval")
    def approve(
        request: Request, slug: str, by: Text = "", digest: Text = "", note: Text = "", undo: Text = ""
    ) -> HTMLResponse:
        def act(draft: Draft) -> Said:
            _check_same(draft, digest)
            if undo:
                review.withdraw(draft.sheet.path, digest, by, forms.now())
                return Said("The approval is withdrawn.")
            review.approve(draft.sheet.path, digest, by, forms.now(), note)
            return Said("This edition is approved. Whatever changes in it voids the approval.")

        return forms.answered(request, slug, act)


def _passing_on(app: FastAPI, forms: _Forms, access: Access) -> None:
    desk = forms.desk

    @app.post("/issues/{slug}/test")
    def test(request: Request, slug: str, to: Text = "") -> HTMLResponse:
        def act(draft: Draft) -> Said:
            reader = desk.reader(Look.of(request.query_params).reader, granted(request))
            publication = desk.workbench.publication
            return Said(mail_test(publication, desk.engine, draft, reader, to, remote=access.remote))

        return forms.answered(request, slug, act)

    @app.post("/issues/{slug}/edit")
    def edit(request: Request, slug: str, line: Number = 1) -> HTMLResponse:
        def act(draft: Draft) -> Said:
            if access.remote:
                raise UsageError("an editor opens on the studio's own machine only")
            desk.editor.open(draft.sheet.path, line)
            return Said(f"{draft.sheet.path.name} is open at line {line}.")

        return forms.answered(request, slug, act)

    @app.post("/issues/{slug}/share")
    def share(request: Request, slug: str, hours: Number = 72) -> HTMLResponse:
        def act(draft: Draft) -> Said:
            if not access.remote:
                raise UsageError("this studio is for this machine only", hint="mail the static copy instead")
            link = f"{request.base_url}shared/{access.share(draft.sheet.slug, max(hours, 1) * 3600)}"
            return Said(f"Whoever has this link can look at this issue for {max(hours, 1)} hours:", link=link)

        return forms.answered(request, slug, act)


def _check_same(draft: Draft, digest: str) -> None:
    """Refuse to approve what is not what was looked at.

    Raises:
        UsageError: the issue changed meanwhile, or does not compile.
    """
    if draft.trouble or draft.pressed is None:
        raise UsageError("the issue does not compile", hint="mend it first")
    if draft.pressed.edition.digest != digest:
        raise UsageError("the issue changed since you looked at it", hint="look at it again, then approve")
