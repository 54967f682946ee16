"""What an editor has waived, in the issue, with a reason: `<!-- check: off RULE because REASON -->`.

``off`` counts for the whole issue, ``skip`` for the paragraph that follows. A waiver is a comment on a line
of its own; no reader gets it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from newsletter.checks.subject import Subject

_WAIVERS = "https://google.github.io/eng-practices/review/reviewer/standard.html"
_LINK = "[This report](http://example.com/report) is old."

WAIVER_REASON = Rule(
    "waiver-reason",
    Severity.WARNING,
    "A waiver without a reason is one that nobody dares to take out again.",
    _WAIVERS,
    f"<!-- check: off link-http -->\n\n{_LINK}",
    f"<!-- check: off link-http because the site has no other address -->\n\n{_LINK}",
)
WAIVER_UNUSED = Rule(
    "waiver-unused",
    Severity.WARNING,
    "A waiver that waives nothing hides what comes next.",
    _WAIVERS,
    "<!-- check: off link-http because the site has no other address -->\n\nText.",
    f"<!-- check: off link-http because the site has no other address -->\n\n{_LINK}",
)
WAIVER_UNKNOWN = Rule(
    "waiver-unknown",
    Severity.WARNING,
    "A waiver of a rule that does not exist waives nothing.",
    _WAIVERS,
    "<!-- check: off lnik-http because the site has no other address -->\n\nText.",
    f"<!-- check: off link-http because the site has no other address -->\n\n{_LINK}",
)

_WAIVER = re.compile(
    r"<!--\s*check:\s*(?P<way>off|skip)\s+(?P<rule>[\w:.*-]+)(?:\s+(?:because|as)\s+(?P<reason>.*?\S))?\s*-->"
)
_ANY = re.compile(r"<!--\s*check:(.*?)-->")


@dataclass(frozen=True)
class Waiver:
    """One waiver: its line, the rule, why, and the lines for which it counts; None for the whole issue."""

    line: int
    rule: str
    reason: str
    lines: range | None

    def covers(self, finding: Finding, file: str) -> bool:
        """Whether *finding*, in an issue at *file*, is waived by it."""
        if not matches(finding, self.rule):
            return False
        return self.lines is None or (finding.file == file and (finding.line or 0) in self.lines)


def matches(finding: Finding, name: str) -> bool:
    """Whether *name* means the finding: its rule, or of client support the rule and the feature."""
    if finding.rule == name:
        return True
    feature = finding.link.rstrip("/").rpartition("/")[2]
    return finding.rule.startswith("client-") and name == f"{finding.rule}:{feature}"


def waivers_of(subject: Subject) -> list[Waiver]:
    """The waivers of an issue, in their order."""
    lines = subject.issue.body.splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := _WAIVER.search(line):
            first = subject.issue.body_line + number
            scope = None if match["way"] == "off" else _next_paragraph(lines, number, first)
            found.append(Waiver(first, match["rule"], match["reason"] or "", scope))
    return found


def without_waived(
    subject: Subject, findings: Iterable[Finding], known: Collection[str], asking: Collection[str]
) -> list[Finding]:
    """*findings* without those that are waived, and with what is wrong with the waivers.

    Args:
        subject: whose findings they are.
        findings: what was found.
        known: the names of all rules.
        asking: those that may find nothing only because they were not asked.
    """
    waivers = waivers_of(subject)
    used: set[Waiver] = set()
    kept = []
    for finding in findings:
        covering = [waiver for waiver in waivers if waiver.covers(finding, subject.file)]
        used.update(covering)
        if not covering:
            kept.append(finding)
    used.update(waiver for waiver in waivers if waiver.rule in asking)
    return [*kept, *_judged(subject, waivers, used, known)]


def _judged(
    subject: Subject, waivers: list[Waiver], used: set[Waiver], known: Collection[str]
) -> Iterator[Finding]:
    for waiver in waivers:
        if waiver.rule.partition(":")[0] not in known:
            yield subject.finding(
                WAIVER_UNKNOWN,
                f"there is no rule `{waiver.rule}`",
                hint=did_you_mean(waiver.rule, known, otherwise="`newsletter rules` lists them"),
                line=waiver.line,
            )
        elif waiver not in used:
            yield subject.finding(
                WAIVER_UNUSED,
                f"`{waiver.rule}` finds nothing here",
                hint="take the waiver out",
                line=waiver.line,
            )
        if not waiver.reason:
            yield subject.finding(
                WAIVER_REASON,
                f"the waiver of `{waiver.rule}` has no reason",
                hint=f"write `<!-- check: off {waiver.rule} because … -->`",
                line=waiver.line,
            )
    understood = {waiver.line for waiver in waivers}
    for number, line in enumerate(subject.issue.body.splitlines(), subject.issue.body_line):
        if number not in understood and (match := _ANY.search(line)):
            yield subject.finding(
                WAIVER_UNKNOWN,
                f"`check:{match[1].rstrip()}` is no waiver",
                hint="write `<!-- check: off RULE because REASON -->`",
                line=number,
            )


def _next_paragraph(lines: list[str], number: int, first: int) -> range:
    """The lines of the file from a waiver to the end of the paragraph behind it."""
    end = number + 1
    while end < len(lines) and not lines[end].strip():
        end += 1
    while end < len(lines) and lines[end].strip():
        end += 1
    return range(first, first + end - number)


RULES = (WAIVER_REASON, WAIVER_UNUSED, WAIVER_UNKNOWN)
