"""What the checks find in the issues on the workbench, remembered by the content of what they looked at."""

from __future__ import annotations

from collections import Counter, OrderedDict
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from newsletter.checks import check_subject

if TYPE_CHECKING:
    from newsletter.checks import Finding, Severity, Subject

#: So many issues are remembered, those that were asked for last.
MOST = 1_000


class Findings:
    """Asks the checks, and answers from memory where nothing that they look at has changed."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()
        self._lock = Lock()  # requests are answered by many threads

    def of(self, subject: Subject) -> tuple[Finding, ...]:
        """What the checks find in *subject*.

        Raises:
            ConfigError: the settings name a rule that does not exist.
        """
        key = content_key(subject)
        known = self._recall(key)
        if known is None:
            known = tuple(check_subject(subject))
            with self._lock:
                self._known[key] = known
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
        return known

    def known(self, subject: Subject) -> tuple[Finding, ...] | None:
        """The same if it is remembered, else None."""
        return self._recall(content_key(subject))

    def _recall(self, key: str) -> tuple[Finding, ...] | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)


def content_key(subject: Subject) -> str:
    """A text that is the same for subjects in which the checks find the same."""
    theme = subject.theme
    looked_at = (
        subject.issue,
        subject.edition.digest,
        subject.publication,
        subject.settings,
        subject.tracking,
        subject.provider,
        subject.images,
        theme and (theme.name, sorted(theme.files.items()), sorted(theme.places.items()), theme.settings),
    )
    return sha256(repr(looked_at).encode("utf-8", "surrogatepass")).hexdigest()


def counts(findings: tuple[Finding, ...]) -> list[tuple[Severity, int]]:
    """How many findings there are of each severity, the worst first; those that are not there left out."""
    found = Counter(finding.severity for finding in findings)
    return [(severity, found[severity]) for severity in dict.fromkeys(each.severity for each in findings)]
