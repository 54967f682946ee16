"""Findings as SARIF 2.1.0 (OASIS), the form that code hosts show beside the changed lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.registry import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.checks.rule import Rule

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(findings: Sequence[Finding]) -> dict[str, object]:
    """The log of one run: every rule that found something, and one result per finding."""
    names = sorted({finding.rule for finding in findings})
    driver = {
        "name": "newsletter",
        "rules": [_rule(RULES[name]) for name in names],
    }
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, names.index(finding.rule)) for finding in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, object]:
    """A ``reportingDescriptor`` (SARIF 2.1.0, 3.49)."""
    told = f"{rule.reason}\n\nWrong:\n\n```\n{_example(rule.failing)}\n```\n\nRight:\n\n```\n"
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.reason},
        "helpUri": rule.source,
        "help": {
            "text": f"{rule.reason} See {rule.source}",
            "markdown": f"{told}{_example(rule.passing)}\n```\n\n[Source]({rule.source})",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, index: int) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": _uri(finding.file)}}
    if finding.line:
        column = {"startColumn": finding.column} if finding.column else {}
        place["region"] = {"startLine": finding.line, **column}
    text = f"{finding.message}. {finding.hint}" if finding.hint else finding.message
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "properties": {"clients": list(finding.clients), "link": finding.link},
    }


def _uri(file: str) -> str:
    """A file as SARIF refers to it: relative to the current directory, where code hosts look for it."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return quote(path.as_posix())


def _example(text: str) -> str:
    return text if len(text) <= 400 else f"{text[:400]}…"
