"""The languages that readers are spoken to in: texts for pages and system messages, from gettext catalogues.

A text is written in English where it is used, marked with `phrase` or, in a template, with ``{% trans %}`` or
``_("…")``; its translations are in ``templates/locales/LANGUAGE/LC_MESSAGES/messages.po``. They are read from
there when a language is first asked for, by Babel's own reader, so nothing has to be compiled.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from newsletter.resources import builtin_templates

if TYPE_CHECKING:
    from pathlib import Path

#: In what language the texts of the program are.
SOURCE = "en"
#: The languages that there are catalogues for, beside the texts' own.
TRANSLATED = ("ar", "de", "es", "fr", "zh")
LANGUAGES = (SOURCE, *TRANSLATED)
DOMAIN = "messages"


def phrase(text: str) -> str:
    """Mark *text* as one to be translated where it is shown; it is given back as it is."""
    return text


def catalogue_path(language: str) -> Path:
    """The file with the translations into *language*, one of `TRANSLATED`."""
    return builtin_templates() / "locales" / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: str) -> Translations:
    """The translations into *language*, one of `LANGUAGES`; into English, none: texts stay as they are."""
    if language == SOURCE:
        return Translations()
    with catalogue_path(language).open("rb") as source:
        catalogue = read_po(source, locale=language, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def translated(text: str, language: str, **values: object) -> str:
    """*text* in *language*, one of `LANGUAGES`, with *values* where it has ``%(name)s``."""
    said = translations(language).gettext(text)
    return said % values if values else said


def spoken(language: str | None) -> str | None:
    """The one of `LANGUAGES` in which who reads *language*, a BCP 47 tag, is spoken to, if there is one."""
    if not language:
        return None
    try:
        first = Locale.parse(language, sep="-").language
    except (ValueError, TypeError, UnknownLocaleError):
        first = language.replace("_", "-").split("-")[0].lower()
    return first if first in LANGUAGES else None


def preferred(accept: str) -> str | None:
    """The one of `LANGUAGES` that ``Accept-Language`` likes best (RFC 9110, section 12.5.4), or None."""
    wishes: list[tuple[float, str]] = []
    for part in accept[:1000].split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = _weight(parameters)
        if weight > 0:
            wishes.append((weight, tag.strip()))
    ordered = [tag for _, tag in sorted(wishes, key=lambda wish: -wish[0])]
    found = negotiate_locale([spoken(tag) or tag for tag in ordered], LANGUAGES, sep="-")
    return str(found) if found else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def choose(*wishes: str | None) -> str:
    """The first of *wishes*, BCP 47 tags, in which a reader can be spoken to; else English."""
    return next((found for wish in wishes if (found := spoken(wish))), SOURCE)
