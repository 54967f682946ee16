"""One engine for the command line, the studio and the gate before `send`: every rule, the worst first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.registry import ASKING, LOOKS, RULES
from newsletter.checks.subject import Subject
from newsletter.checks.support import chosen, known_clients
from newsletter.checks.waivers import matches, without_waived
from newsletter.config.checks import ChecksSettings
from newsletter.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from newsletter.config import PublicationSettings, Settings
    from newsletter.editions import Edition, Image, Pressed, Theme
    from newsletter.issues import Document, Issue

    #: What looks at a subject and says what it finds, such as `newsletter.checks.online.look_up`.
    Look = Callable[[Subject], Iterable[Finding]]

_ORDER = list(Severity)
_PLACE = "newsletter.toml: [checks]"


def check_edition(
    issue: Issue,
    document: Document,
    edition: Edition,
    publication: PublicationSettings,
    theme: Theme | None = None,
    *,
    settings: ChecksSettings | None = None,
    images: tuple[Image, ...] = (),
    provider: str = "",
    relay: str = "",
    more: Iterable[Look] = (),
) -> list[Finding]:
    """What every rule finds in an edition and what it was compiled of, the worst first.

    Args:
        issue: the source.
        document: its body.
        edition: what was compiled.
        publication: whose issue it is.
        theme: how it looks; without it, findings about the HTML have no line.
        settings: what is ignored, how bad what is, and for which mail programs; None for the defaults.
        images: the local images of the issue.
        provider: who will get the messages; empty if that is not known.
        relay: the host that takes them; empty if that is not known or there is none.
        more: what else to ask, such as rules that look links up.

    Raises:
        ConfigError: the settings name a rule or a mail program that does not exist.
    """
    subject = Subject(
        issue, document, edition, publication, theme, settings or ChecksSettings(), images, provider, relay
    )
    return check_subject(subject, more)


def check_pressed(pressed: Pressed, settings: Settings, more: Iterable[Look] = ()) -> list[Finding]:
    """What every rule finds in an issue that was read and compiled, with all *settings* of its publication.

    Raises:
        ConfigError: as `check_edition`.
    """
    return check_subject(Subject.of(pressed, settings), more)


def check_subject(subject: Subject, more: Iterable[Look] = ()) -> list[Finding]:
    """What every rule finds in *subject*, the worst first.

    Raises:
        ConfigError: as `check_edition`.
    """
    settings = subject.settings
    refuse_unknown(settings)
    found = [finding for look in (*LOOKS, *more) for finding in look(subject)]
    kept = without_waived(subject, found, RULES, ASKING)
    return sorted(
        dict.fromkeys(_set(kept, settings)),
        key=lambda finding: (_ORDER.index(finding.severity), finding.line or 0, finding.rule),
    )


def _set(findings: Iterable[Finding], settings: ChecksSettings) -> Iterator[Finding]:
    """*findings* without those that the publication ignores, and as bad as it says."""
    for finding in findings:
        if any(matches(finding, name) for name in settings.ignore):
            continue
        severity = next(
            (Severity(set_) for name, set_ in settings.severity.items() if matches(finding, name)), None
        )
        yield replace(finding, severity=severity) if severity else finding


def refuse_unknown(settings: ChecksSettings) -> None:
    """Make sure that *settings* name only rules and mail programs that there are.

    Raises:
        ConfigError: one is none; the hint names the nearest.
    """
    for name in (*settings.ignore, *settings.severity):
        if name.partition(":")[0] not in RULES:
            raise ConfigError(
                f"there is no rule `{name}`",
                where=_PLACE,
                hint=did_you_mean(name, RULES, otherwise="`newsletter rules` lists them"),
            )
    for pattern in settings.clients:
        if not any(chosen(client, (pattern,)) for client in known_clients()):
            raise ConfigError(
                f"`{pattern}` is no mail program of Can I email",
                where=_PLACE,
                hint=did_you_mean(pattern, known_clients()),
            )
