"""Review: what people say of an issue before it is sent, and who approved which edition of it."""

from __future__ import annotations

from newsletter.review.review import (
    Approval,
    Comment,
    Review,
    anchored,
    approve,
    comment,
    read_review,
    settle,
    withdraw,
)

__all__ = [
    "Approval",
    "Comment",
    "Review",
    "anchored",
    "approve",
    "comment",
    "read_review",
    "settle",
    "withdraw",
]
