"""Notices: mails that answer what a reader asked for on a page, kept in a queue until a provider has them."""

from __future__ import annotations

from newsletter.notices.forgetting import Forgetting
from newsletter.notices.handing_over import Desk, hand_over
from newsletter.notices.postman import postman
from newsletter.notices.queue import count_notices, enqueue
from newsletter.notices.tables import NoticeKind, NoticeState
from newsletter.notices.words import CONSENT

__all__ = [
    "CONSENT",
    "Desk",
    "Forgetting",
    "NoticeKind",
    "NoticeState",
    "count_notices",
    "enqueue",
    "hand_over",
    "postman",
]
