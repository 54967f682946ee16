"""Edition → findings: what is wrong with a mail before anybody gets it."""

from newsletter.checks.engine import check_edition, check_pressed, check_subject
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.inbox import INBOXES, Inbox, cut_subjects, shown, width
from newsletter.checks.registry import FAMILIES, RULES
from newsletter.checks.rule import Rule
from newsletter.checks.size import CLIP, CLIP_WARNS
from newsletter.checks.subject import Subject
from newsletter.checks.support import data_date

__all__ = [
    "CLIP",
    "CLIP_WARNS",
    "FAMILIES",
    "INBOXES",
    "RULES",
    "Finding",
    "Inbox",
    "Rule",
    "Severity",
    "Subject",
    "check_edition",
    "check_pressed",
    "check_subject",
    "cut_subjects",
    "data_date",
    "shown",
    "width",
]
