"""docs/threats.md: whatever it says holds a threat is a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "threats.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| threat ", "| --- "))
]
NAMED = sorted(set(re.findall(r"`((?:unit|integration|acceptance)/\w+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))

    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_threat_has_a_test_or_says_why_not(row: list[str]) -> None:
    threat, stands, held = row

    assert threat
    assert stands
    assert "::" in held or held.startswith("by construction: ")


def test_there_are_enough_of_them() -> None:
    """A page that was cut off by mistake would pass everything else."""
    assert len(ROWS) >= 30
