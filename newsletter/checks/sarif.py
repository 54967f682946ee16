"""Findings as SARIF 2.1.0 (OASIS), the form that code hosts show beside the changed lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.registry import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.checks.rule import Rule

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
#: What places are relative to. Where it is on this machine is nobody's business (SARIF 2.1.0, 3.14.14).
_BASE = "SRCROOT"
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
                "originalUriBaseIds": {
                    _BASE: {"description": {"text": "The directory in which `newsletter check` was run."}}
                },
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
    place: dict[str, object] = {"artifactLocation": _artifact(finding.file)}
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


def _artifact(file: str) -> dict[str, str]:
    """An ``artifactLocation`` (3.4): relative to the working directory, absolute for what is not below it."""
    here, path = Path.cwd(), Path(os.path.normpath(Path.cwd() / file))
    if path.is_relative_to(here):
        return {"uri": quote(path.relative_to(here).as_posix()), "uriBaseId": _BASE}
    return {"uri": path.as_uri()}


def _example(text: str) -> str:
    return text if len(text) <= 400 else f"{text[:400]}…"
