"""Rules on what mail programs do not support, by the data of Can I email; our own themes are subtracted."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from newsletter.checks.features import features_used
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.checks.support import client_name, features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.features import Use
    from newsletter.checks.subject import Subject
    from newsletter.checks.support import Feature

CLIENT_SUPPORT = Rule(
    "client-support",
    Severity.WARNING,
    "What a mail program does not support is left out or shown otherwise than it was meant.",
    "https://www.caniemail.com/",
    '<div style="display:grid">Two columns</div>',
    "<div>Two columns</div>",
    "html",
)
CLIENT_PARTIAL = Rule(
    "client-partial",
    Severity.NOTE,
    "What a mail program supports in part may need a second way.",
    "https://www.caniemail.com/",
    '<p style="text-indent:20px">Text</p>',
    "<p>Text</p>",
    "html",
)


def client_support(subject: Subject) -> Iterator[Finding]:
    """Each feature that some of the chosen mail programs do not support, once, at its first use."""
    known = baseline() if subject.settings.baseline else frozenset()
    uses: dict[str, list[Use]] = {}
    for use in features_used(subject.edition.html, subject.elements):
        if use.slug not in known and not use.slug.startswith("image-"):
            uses.setdefault(use.slug, []).append(use)
    for slug, found in uses.items():
        feature = features()[slug]
        if missing := feature.with_status("n", subject.settings.clients):
            yield _told(subject, CLIENT_SUPPORT, feature, found, missing, "is not supported by")
        elif partly := feature.with_status("a", subject.settings.clients):
            yield _told(subject, CLIENT_PARTIAL, feature, found, partly, "is supported only in part by")


@lru_cache(maxsize=1)
def baseline() -> frozenset[str]:
    """The features that the built-in themes use, knowing who lacks them: nothing an editor could change."""
    return frozenset(
        (files("newsletter.checks") / "data" / "baseline.txt").read_text(encoding="ascii").split()
    )


def _told(
    subject: Subject, rule: Rule, feature: Feature, uses: list[Use], clients: tuple[str, ...], verb: str
) -> Finding:
    first = uses[0]
    names = tuple(map(client_name, clients))
    times = f" ({len(uses)} times)" if len(uses) > 1 else ""
    notes = dict.fromkeys(note for key in clients for note in feature.verdicts[key].notes)
    hint = next(iter(notes), "") or "leave it out, or see that the mail reads well without it"
    file, line = _place(subject, first)
    return subject.finding(
        rule,
        f"`{_short(first.words)}`{times} {verb} {_listed(names)}; tested {feature.tested[:4] or 'long ago'}",
        hint=hint,
        file=file,
        line=line,
        clients=names,
        link=feature.link,
    )


def _place(subject: Subject, use: Use) -> tuple[str, int | None]:
    """The file and line of a use; what stands in a style element is looked for in the theme."""
    if use.element.name != "style":
        found = subject.at_element(CLIENT_SUPPORT, use.element, "")
        return found.file, found.line
    sought = use.words.partition(":")[0].partition("(")[0].strip()
    value = use.words.partition(":")[2].strip()
    for name, text in subject.theme.files.items() if subject.theme else ():
        for number, line in enumerate(text.splitlines(), 1):
            if sought in line and value in line:
                return subject.theme.place(name) if subject.theme else name, number
    return subject.file, None


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 60 else f"{words[:57]}…"


RULES = (CLIENT_SUPPORT, CLIENT_PARTIAL)
LOOKS = (client_support,)
