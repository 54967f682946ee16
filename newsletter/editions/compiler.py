"""From an Issue to an Edition; pure: no file, no clock, the same input gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.editions.attaching import attachments_of
from newsletter.editions.cutting import Context, split
from newsletter.editions.edition import Edition
from newsletter.editions.finish import finish
from newsletter.editions.frame import Frame, frame_of, signed_by
from newsletter.editions.mjml import MjmlError
from newsletter.editions.plaintext import TextFrame, render_text
from newsletter.editions.scanning import cleaned
from newsletter.editions.skeleton import inlined_html
from newsletter.editions.slots import Slots
from newsletter.editions.templating import Press
from newsletter.editions.theme import MAIN_FILE
from newsletter.editions.typography import labelled
from newsletter.errors import ThemeError, at
from newsletter.issues import parse_document

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from newsletter.config import PublicationSettings
    from newsletter.editions.media import Image
    from newsletter.editions.sourcemap import SourceMap
    from newsletter.editions.theme import Theme
    from newsletter.editions.validation import Problem
    from newsletter.issues import Document, Issue

#: How many mistakes of a theme are told beside the first.
_TOLD = 9


def compile_issue(
    issue: Issue,
    theme: Theme,
    publication: PublicationSettings,
    *,
    attributes: Collection[str] | None = None,
    images: Mapping[str, Image] | None = None,
    document: Document | None = None,
) -> Edition:
    """Compile *issue* once, for all recipients.

    Args:
        issue: what to compile.
        theme: how it looks.
        publication: whose it is; gives masthead and footer, and the language if the issue has none.
        attributes: the names of custom attributes that subscribers have, so that a misspelt one in a merge
            tag is caught; None when they are not known.
        images: the local images, as `read_images` and `read_theme_images` find them.
        document: what `parse_document` read of *issue*; None to read it here.

    Raises:
        IssueError: with file, line and column.
        ThemeError: with the file and line of the theme as well as it can be told.
    """
    document = document or parse_document(issue)
    frame = frame_of(issue, document, theme, publication)
    slots = Slots(issue, document, publication, frame.language, attributes)
    press = Press(issue, document, theme, publication, frame, slots, images)

    html = _compiled(press, theme)
    html = finish(html, language=frame.language, direction=frame.direction)
    signed = signed_by(issue, theme, publication)
    text = cleaned(render_text(document, replace(_text_frame(frame, publication, slots), signed=signed)))

    edition = _edition(issue, document, frame, slots, html, text)
    return replace(edition, attachments=attachments_of((images or {}).values(), edition.html))


def compile_mjml(issue: Issue, theme: Theme, publication: PublicationSettings) -> str:
    """The MJML document that *theme* makes of *issue*, as it goes to the MJML compiler.

    Raises:
        IssueError, ThemeError: as `compile_issue`.
    """
    document = parse_document(issue)
    frame = frame_of(issue, document, theme, publication)
    slots = Slots(issue, document, publication, frame.language, None)
    return Press(issue, document, theme, publication, frame, slots).mjml()


def _edition(issue: Issue, document: Document, frame: Frame, slots: Slots, html: str, text: str) -> Edition:
    html = slots.settle(html, Context.HTML)
    text = slots.settle(text, Context.TEXT)
    subject = cleaned(slots.settle(document.subject or document.title, Context.HEADER))
    preheader = cleaned(slots.settle(frame.preheader, Context.TEXT))
    title = cleaned(slots.settle(document.title, Context.TEXT))
    edition = Edition(
        slug=issue.slug,
        title=title,
        subject=subject,
        preheader=preheader,
        html=html,
        text=text,
        language=frame.language,
        direction=frame.direction,
        date=issue.date.isoformat() if issue.date else None,
        nonce=document.nonce,
        slots=slots.used(title, subject, preheader, html, text),
    )
    for part, context in ((html, Context.HTML), (text, Context.TEXT), (subject, Context.HEADER)):
        split(part, edition, context)
    return edition


def _text_frame(frame: Frame, publication: PublicationSettings, slots: Slots) -> TextFrame:
    labels = frame.labels
    ways = [("read_online", "web"), ("preferences", "preferences"), ("unsubscribe", "unsubscribe")]
    address = f"{publication.name}, {publication.postal_address}" if publication.postal_address else ""
    return TextFrame(
        control=slots.control,
        masthead=publication.name,
        date=frame.date,
        byline=frame.byline,
        sources=labels["sources"],
        links=labels["links"],
        image=labels["image"],
        footer=(
            *(labelled(labels[label], slots.merge(f"links.{link}"), frame.language) for label, link in ways),
            "",
            labels["why"].format(publication=publication.name),
            *([address] if address else []),
        ),
        language=frame.language,
        direction=frame.direction,
        labels=labels,
        base=publication.url,
    )


def _compiled(press: Press, theme: Theme) -> str:
    """The HTML of what *press* makes; mistakes in its MJML are told with their places in *theme*."""
    mjml, css = press.mjml(), press.static_css()
    try:
        return inlined_html(mjml, css)
    except MjmlError as error:
        raise _told(error.problems, press.source_map(), mjml, theme) from error


def _told(problems: Sequence[Problem], origins: SourceMap, mjml: str, theme: Theme) -> ThemeError:
    """One error for all *problems*: the first in full, the others in a line each of its hint."""
    places = []
    for problem in problems:
        origin = origins.origin(problem.offset) if origins.text == cleaned(mjml) else None
        file, line, column = (origin.file, origin.line, origin.column) if origin else (MAIN_FILE, None, None)
        places.append((at(theme.place(file), line, column), at(file, line, column)))
    lines = [f"{short}: {problem.what}" for problem, (_, short) in zip(problems, places, strict=True)]
    others = [line for line in dict.fromkeys(lines) if line != lines[0]]
    more = [f"and {len(others) - _TOLD} more"] if len(others) > _TOLD else []
    hints = [problems[0].hint, *(f"also {line}" for line in others[:_TOLD]), *more]
    return ThemeError(problems[0].what, where=places[0][0], hint="\n".join(filter(None, hints)))
