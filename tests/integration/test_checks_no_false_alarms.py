"""Issues that are as they should be have no findings, in any of the built-in themes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.checks import Severity, check_edition, check_pressed
from newsletter.config import load_publication
from newsletter.editions import compile_issue, load_theme, press, theme_names
from newsletter.issues import load_issue, parse_document

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "ai-news-digest"
#: What is wrong with the golden issues, which were written to have everything.
MEANT = {
    "everything": {"subject-length", "link-text", "preheader-missing"},
    "pasted-digest": {"preheader-missing"},
}


@pytest.mark.parametrize("theme", theme_names())
@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("issues/*.md")), ids=lambda path: path.stem)
def test_the_example_issues_have_no_findings(path: Path, theme: str) -> None:
    """Not even a note."""
    publication = load_publication(EXAMPLE)
    pressed = press(publication, path)
    look = load_theme(theme)
    edition = compile_issue(pressed.issue, look, publication.settings.publication)
    findings = check_pressed(replace(pressed, edition=edition, theme=look), publication.settings)

    assert [(finding.rule, finding.message) for finding in findings] == []


@pytest.mark.parametrize("theme", theme_names())
@pytest.mark.parametrize("name", MEANT)
def test_the_golden_issues_have_what_was_meant_only(name: str, theme: str) -> None:
    """Every construct that an issue can have is right by every rule."""
    publication = load_publication(EXAMPLE).settings.publication
    issue = load_issue(ROOT / "tests" / "golden" / "issues" / f"{name}.md")
    look = load_theme(theme)
    edition = compile_issue(issue, look, publication)
    findings = check_edition(issue, parse_document(issue), edition, publication, look)

    assert {finding.rule for finding in findings} == MEANT[name]
    assert Severity.ERROR not in {finding.severity for finding in findings}
