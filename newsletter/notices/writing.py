"""From a notice to an edition: its words in the reader's language, in the look of the publication's theme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from babel.dates import format_date, format_time, get_datetime_format
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.catalogues import translated
from newsletter.config import split_mailbox
from newsletter.editions import Edition
from newsletter.editions.finish import finish
from newsletter.editions.language import direction_of, locale_of
from newsletter.editions.skeleton import inlined_html
from newsletter.measures import find_zone
from newsletter.messages.envelope import Envelope
from newsletter.notices.words import FOLLOW, HELP, TOPICS, WHY, WORDS
from newsletter.resources import builtin_templates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.config import PublicationSettings
    from newsletter.editions.theme import Theme
    from newsletter.messages.return_path import ReturnPath
    from newsletter.notices.tables import NoticeKind


@dataclass(frozen=True)
class Matter:
    """What one notice is about: its kind, the link in it when that ends, and the topics that were chosen."""

    kind: NoticeKind
    language: str
    link: str
    until: datetime
    topics: Sequence[str] = ()


def write_notice(matter: Matter, publication: PublicationSettings, theme: Theme) -> Edition:
    """The edition of one notice; nothing that a stranger could have entered into a form is in it.

    Args:
        matter: what it is about, in one of the languages that there are catalogues for.
        publication: whose it is.
        theme: gives colours and fonts.

    Raises:
        ThemeError: the theme's values do not make an MJML document.
    """
    context = _context(matter, publication)
    direction = direction_of(matter.language)
    start = "right" if direction == "rtl" else "left"
    mjml = _environment(html=True).get_template("notice.mjml.j2")
    html = inlined_html(
        mjml.render(context, theme=theme.settings, publication=publication, direction=direction, start=start),
        "",
    )
    text = _environment(html=False).get_template("notice.txt.j2").render(context, publication=publication)
    return Edition(
        slug=f"notice-{matter.kind}",
        title=str(context["heading"]),
        subject=str(context["subject"]),
        preheader=str(context["lead"]),
        html=finish(html, language=matter.language, direction=direction),
        text=text,
        language=matter.language,
        direction=direction,
        date=None,
        nonce="",
        slots=(),
    )


def notice_envelope(
    publication: PublicationSettings, kind: NoticeKind, bounces: ReturnPath | None = None
) -> Envelope:
    """Who a notice is from, and where it comes back to if *bounces* tells.

    It belongs to no list, and says that no person wrote it (RFC 3834, section 5).
    """
    return Envelope(
        sender=publication.sender,
        reply_to=publication.reply_to,
        list_id="",
        feedback_id=Envelope.of(publication, f"notice-{kind}").feedback_id,
        automatic=True,
        bounces=bounces,
    )


def moment(at: datetime, language: str) -> str:
    """The day and the minute of *at* in its own time zone, named, as one writes them in *language*."""
    locale = locale_of(language)
    pattern = str(get_datetime_format("long", locale=locale)).replace("'", "")
    day, hour = format_date(at, "long", locale=locale), format_time(at, "short", locale=locale)
    return pattern.replace("{1}", day).replace("{0}", f"{hour} {_offset(at)}")


def _offset(at: datetime) -> str:
    """How far a clock is from UTC, in letters that every language here knows: ``UTC+5:30``."""
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    far = f"{hours}:{rest:02}" if rest else f"{hours}"
    return f"UTC{'−' if minutes < 0 else '+'}{far}" if minutes else "UTC"


def _context(matter: Matter, publication: PublicationSettings) -> dict[str, Any]:
    words, language = WORDS[matter.kind], matter.language
    zone = find_zone(publication.time_zone)
    values = {
        "publication": publication.name,
        "ends": moment(matter.until.astimezone(zone), language),
        "topics": ", ".join(matter.topics),
        "url": publication.url,
        "contact": split_mailbox(publication.reply_to or publication.sender)[1],
    }
    said = {
        "subject": words.subject,
        "heading": words.heading,
        "lead": words.lead,
        "button": words.button,
        "safe": words.safe,
        "topics": TOPICS if matter.topics else "",
        "follow": FOLLOW,
        "why": WHY,
        "help": HELP,
    }
    texts = {name: translated(text, language, **values) if text else "" for name, text in said.items()}
    return {**texts, "link": matter.link, "language": language}


@lru_cache(maxsize=2)
def _environment(*, html: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(builtin_templates() / "mail"),
        autoescape=html,  # noqa: S701 - plain text must not be escaped
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
