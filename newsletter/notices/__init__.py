"""Notices: mails that answer what a reader asked for on a page, kept in a queue until a provider has them.

What hands them over is in `newsletter.notices.handing_over` and `newsletter.notices.postman`: only who does
that pays for importing it.
"""

from __future__ import annotations

from newsletter.notices.forgetting import Forgetting
from newsletter.notices.queue import count_notices, enqueue
from newsletter.notices.tables import NoticeKind, NoticeState
from newsletter.notices.words import CONSENT

__all__ = ["CONSENT", "Forgetting", "NoticeKind", "NoticeState", "count_notices", "enqueue"]
