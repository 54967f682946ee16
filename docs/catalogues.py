"""Bring the catalogues of translations up to date with what pages, notices and the program say.

``make messages`` runs it: new texts are added without a translation, texts that are no more are dropped, and
what is missing is told. The files are the same whoever makes them, and whenever.
"""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from newsletter.catalogues import DOMAIN, TRANSLATED, catalogue_path

ROOT = Path(__file__).resolve().parent.parent
_METHODS = [("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")]
_OPTIONS = {"**.j2": {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}}
_WORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "phrase": None,
}
#: Where texts for readers are.
_PLACES = ("newsletter", "templates/pages", "templates/mail")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def template() -> Catalog:
    """All texts that there are, without translations."""
    found = Catalog(domain=DOMAIN)
    for place in _PLACES:
        texts = extract_from_dir(
            str(ROOT / place), _METHODS, _OPTIONS, keywords=_WORDS, comment_tags=(), strip_comment_tags=True
        )
        for _, _, message, _, context in texts:
            found.add(message, context=context)
    return found


def updated(language: str, texts: Catalog) -> tuple[bytes, list[str]]:
    """The catalogue of *language* as it should be, as bytes; and what is wrong with it."""
    path = catalogue_path(language)
    old = read_po(BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    new = Catalog(locale=language, domain=DOMAIN, fuzzy=False)
    missing = []
    for message in texts:
        if not message.id:
            continue
        known = old.get(message.id, message.context)
        said = known.string if known and not known.fuzzy else ""
        new.add(message.id, said, context=message.context)
        if not said:
            missing.append(f"no translation: {message.id}")
        elif placeholders(str(said)) != placeholders(str(message.id)):
            missing.append(f"other placeholders: {message.id}")
    out = BytesIO()
    write_po(out, new, width=0, sort_output=True, omit_header=True, no_location=True)
    head = f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return head.encode() + out.getvalue(), missing


def placeholders(text: str) -> set[str]:
    """The names that stand in a text for what is filled in."""
    return set(_PLACEHOLDER.findall(text))


def main() -> int:
    """Write the catalogues; 1 if anything is missing in them."""
    texts, troubles = template(), 0
    for language in TRANSLATED:
        content, missing = updated(language, texts)
        path = catalogue_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for trouble in missing:
            sys.stderr.write(f"{language}: {trouble}\n")
        troubles += len(missing)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
