"""The commands that look for what is wrong: `newsletter check` and `rules`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.checks import FAMILIES, RULES, Severity, check_pressed, data_date
from newsletter.checks.sarif import to_sarif
from newsletter.cli import output
from newsletter.cli.exits import FINDINGS
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.errors import UsageError, at, did_you_mean
from subscribers.topics import list_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.checks import Finding
    from newsletter.checks.engine import Look
    from newsletter.checks.rule import Rule
    from newsletter.editions import Pressed
    from newsletter.issues import Issue

#: Below a publication: answers of links that were looked up, kept for a day.
CACHE = "build/links.json"


@click.command()
@click.argument("issues", nargs=-1, required=True, metavar="ISSUE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="How to print what is found.",
)
@click.option("--online", is_flag=True, help="Look each link up, too; answers are kept for a day.")
@pass_session
def check(session: Session, issues: tuple[str, ...], form: str, *, online: bool) -> None:
    """Look for what is wrong with each ISSUE; exit code 4 if there are errors.

    Warnings and notes alone end with 0; `severity` below [checks] makes an error of what is one to you.

    Nothing is loaded from the network, unless --online says so or [checks] names a spamd.

    \b
    Examples:
      newsletter check issues/2026-04-11.md
      newsletter check issues/*.md
      newsletter check 2026-04-11 --online
      newsletter check 2026-04-11 --format sarif > findings.sarif
    """
    findings: list[Finding] = []
    for issue in issues:
        pressed = session.press(issue)
        found = check_pressed(pressed, session.publication.settings, _more(session, pressed, online=online))
        findings += found
        if form == "text":
            show_findings(found, session.publication.root)
            _warn_of_audience(session, pressed.issue)
            output.say(f"{pressed.edition.slug}: {summary(found)}")
    if form == "json":
        output.document({"findings": [finding.to_dict() for finding in findings]})
    elif form == "sarif":
        root = session.publication.root
        output.document(to_sarif([finding.seen_from(Path.cwd(), root) for finding in findings]))
    if any(finding.severity is Severity.ERROR for finding in findings):
        sys.exit(FINDINGS)


@click.command()
@click.argument("rule", required=False)
@json_option
def rules(rule: str | None, *, as_json: bool) -> None:
    """List the rules of `newsletter check`, or tell one RULE with its reason and examples.

    \b
    Examples:
      newsletter rules
      newsletter rules contrast-dark
    """
    if rule and rule not in RULES:
        raise UsageError(
            f"there is no rule `{rule}`",
            hint=did_you_mean(rule, RULES, otherwise="`newsletter rules` lists them"),
        )
    if as_json:
        chosen = [RULES[rule]] if rule else list(RULES.values())
        output.document({"rules": [_document(each) for each in chosen]})
    elif rule:
        _tell(RULES[rule])
    else:
        rows = (
            (each.id, each.severity, each.reason, family) for family, of in FAMILIES.items() for each in of
        )
        # On a terminal the reasons need the room; the rules stand in the order of their families there, too.
        columns = (
            ["rule", "severity", "reason"]
            if sys.stdout.isatty()
            else ["rule", "severity", "reason", "family"]
        )
        output.table(columns, (row[: len(columns)] for row in rows))
        output.say(f"{len(RULES)} rules; client support as of {data_date()}, by caniemail.com")


def _warn_of_audience(session: Session, issue: Issue) -> None:
    """Tell of a topic or segment that the list does not have; where there is no list, nothing is known."""
    if not session.has_database:
        return
    known = {
        "topic": [topic.slug for topic in list_topics(session.engine)],
        "segment": [segment.name for segment in session.store.segments()],
    }
    for kind, names in known.items():
        name = getattr(issue, kind)
        if name and name not in names:
            hint = did_you_mean(name, names, otherwise=f"`newsletter {kind}s add` makes one")
            place = at(issue.path, issue.lines.get(kind))
            output.warn(f"{place}: the list has no {kind} `{name}`, so `newsletter send` will refuse; {hint}")


def show_findings(findings: Sequence[Finding], root: Path) -> None:
    """One line per finding on stdout, with its file as the working directory calls it; its hint on stderr.

    *root* is the publication's folder.
    """
    for finding in findings:
        place = finding.seen_from(Path.cwd(), root).place
        output.data(f"{place}: {finding.severity}: {finding.message} [{finding.rule}]", hang=2)
        if finding.hint:
            output.say(f"  hint: {finding.hint}", hang=len("  hint: "))


def summary(findings: Sequence[Finding]) -> str:
    """How many findings of each severity, in words."""
    counts = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    told = [output.plural(count, str(severity)) for severity, count in counts.items() if count]
    return ", ".join(told) or "nothing found"


def _more(session: Session, pressed: Pressed, *, online: bool) -> list[Look]:
    """What asks others: the sites that are linked to, and spamd."""
    more: list[Look] = []
    if online:
        from newsletter.checks.online import Desk, look_up

        more.append(look_up(Desk(cache=session.publication.root / CACHE)))
    if session.publication.settings.checks.spamd:
        from newsletter.checks.spamd import spam_score

        more.append(spam_score(session.sample(pressed, None).as_bytes()))
    return more


def _tell(rule: Rule) -> None:
    output.data(f"{rule.id} ({rule.severity}): {rule.reason}", hang=2)
    output.data(f"\nwrong:\n{_indented(rule.failing)}\n\nright:\n{_indented(rule.passing)}\n")
    output.data(f"source: {rule.source}")
    output.data(f"waive:  <!-- check: off {rule.id} because … -->")
    output.data(f'or:     [checks] ignore = ["{rule.id}"]')


def _indented(text: str) -> str:
    shown = text if len(text) <= 600 else f"{text[:600]}…"
    return "\n".join(f"    {line}" for line in shown.splitlines())


def _document(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "severity": rule.severity,
        "reason": rule.reason,
        "source": rule.source,
        "failing": rule.failing,
        "passing": rule.passing,
    }


COMMANDS = (check, rules)
