"""Dispatches: planned once, worked through batch by batch, every recipient with one recorded outcome."""

from newsletter.delivery.audience import Audience
from newsletter.delivery.control import cancel, pause
from newsletter.delivery.deliveries import STATES, LogFilter, LogLine, deliveries_of, log
from newsletter.delivery.due import due_dispatches, next_due
from newsletter.delivery.engagement import Engagement, LinkClicks, Reach, clicks_by_link, engagement
from newsletter.delivery.folding import fold_events
from newsletter.delivery.forgetting import files_of, forget_recipient
from newsletter.delivery.identity import process_began
from newsletter.delivery.local import Means, run_dispatch
from newsletter.delivery.models import DeliveryState, DispatchState
from newsletter.delivery.pace import Limits
from newsletter.delivery.plan import Plan, plan_dispatch
from newsletter.delivery.rehearsal import Rehearsal, rehearse
from newsletter.delivery.rejected import Rejected, rejected
from newsletter.delivery.report import Status, status, statuses, unfinished
from newsletter.delivery.retry import Backoff
from newsletter.delivery.schedule import Schedule, parse_since
from newsletter.delivery.settling import AGAIN, Settled, resend, settle, settle_by
from newsletter.delivery.tally import Progress
from newsletter.delivery.tracking import Extent, Tracker, extent_of

__all__ = [
    "AGAIN",
    "STATES",
    "Audience",
    "Backoff",
    "DeliveryState",
    "DispatchState",
    "Engagement",
    "Extent",
    "Limits",
    "LinkClicks",
    "LogFilter",
    "LogLine",
    "Means",
    "Plan",
    "Progress",
    "Reach",
    "Rehearsal",
    "Rejected",
    "Schedule",
    "Settled",
    "Status",
    "Tracker",
    "cancel",
    "clicks_by_link",
    "deliveries_of",
    "due_dispatches",
    "engagement",
    "extent_of",
    "files_of",
    "fold_events",
    "forget_recipient",
    "log",
    "next_due",
    "parse_since",
    "pause",
    "plan_dispatch",
    "process_began",
    "rehearse",
    "rejected",
    "resend",
    "run_dispatch",
    "settle",
    "settle_by",
    "status",
    "statuses",
    "unfinished",
]
