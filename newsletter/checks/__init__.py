"""Edition → findings: what is wrong with a mail before anybody gets it."""

from newsletter.checks.engine import check_edition
from newsletter.checks.finding import Finding, Severity

__all__ = ["Finding", "Severity", "check_edition"]
