"""Each rule accuses its failing example and not its passing one, as docs/rules.md shows them."""

from __future__ import annotations

import re

import pytest

from newsletter.checks import FAMILIES, RULES, Severity
from tests.fakes.publications import checked

#: Rules that ask somebody else are tested with real servers, in tests/integration.
ELSEWHERE = {"link-dead", "link-private", "link-moved", "link-unsure", "spam-score"}
OFFLINE = [rule for name, rule in RULES.items() if name not in ELSEWHERE]


@pytest.mark.parametrize("rule", OFFLINE, ids=lambda rule: rule.id)
def test_a_rule_accuses_its_failing_example_only(rule) -> None:
    """It finds the one at the severity it has, and the other is free of it."""
    accused = [finding for finding in checked(rule, rule.failing) if finding.rule == rule.id]
    free = [finding for finding in checked(rule, rule.passing) if finding.rule == rule.id]

    assert {finding.severity for finding in accused} == {rule.severity}
    assert free == []
    assert all(finding.message and finding.link.startswith("https://") for finding in accused)


@pytest.mark.parametrize("rule", [rule for rule in OFFLINE if rule.where == "body"], ids=lambda rule: rule.id)
def test_the_passing_example_of_a_text_is_free_of_everything(rule) -> None:
    """What the documentation shows as right is right by every other rule, too."""
    assert [
        finding.rule for finding in checked(rule, rule.passing) if finding.severity != Severity.NOTE
    ] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_says_why_and_on_whose_word(rule) -> None:
    """An id in lower case with hyphens, one sentence, and a web address."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.reason.endswith(".")
    assert "\n" not in rule.reason
    assert rule.source.startswith("https://")


def test_no_two_rules_have_one_name() -> None:
    """A waiver means one rule."""
    assert len(RULES) == sum(map(len, FAMILIES.values()))
