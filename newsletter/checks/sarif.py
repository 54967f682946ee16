"""Findings as SARIF 2.1.0 (OASIS), the form that code hosts show beside the changed lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def to_sarif(findings: Sequence[Finding]) -> dict[str, object]:
    """The log of one run with one result per finding."""
    driver = {"name": "newsletter", "rules": [{"id": rule} for rule in sorted({f.rule for f in findings})]}
    return {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(finding) for finding in findings]}],
    }


def _result(finding: Finding) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": finding.file}}
    if finding.line:
        column = {"startColumn": finding.column} if finding.column else {}
        place["region"] = {"startLine": finding.line, **column}
    text = f"{finding.message}. {finding.hint}" if finding.hint else finding.message
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
