"""Whom a dispatch is for, and whether the archive shows it to everybody."""

from __future__ import annotations

import pytest

from newsletter.delivery import Audience
from subscribers import parse_segment

PRO = parse_segment('"pro" in tags', [])
ALL = parse_segment("true", [])


@pytest.mark.parametrize(
    ("audience", "archived"),
    [
        (Audience("everybody"), True),
        (Audience("everybody", topic="ai"), True),
        (Audience("everybody").without({"pro": PRO}), True),
        (Audience("segment `all`", ALL), True),
        (Audience("segment `pro`", PRO), False),
        (Audience("segment `pro`", PRO, topic="ai"), False),
        (Audience("segment `pro`", PRO).without({"all": ALL}), False),
        (Audience("segment `pro`", PRO, archive=True), True),
        (Audience("everybody", archive=False), False),
        (Audience("everybody", archive=False).without({"pro": PRO}), False),
    ],
)
def test_what_is_for_a_segment_is_not_for_the_archive_unless_the_issue_says_so(audience, archived):
    assert audience.archived is archived


def test_the_archive_makes_no_other_audience():
    """A second `send` goes on with the dispatch, though the issue says something else of the archive."""
    assert Audience("everybody", archive=False).key == Audience("everybody").key
