"""Dispatches: planned once, worked through batch by batch, every recipient with one recorded outcome."""

from newsletter.delivery.audience import Audience
from newsletter.delivery.control import cancel, pause, resend, settle
from newsletter.delivery.identity import process_began
from newsletter.delivery.local import Means, Progress, run_dispatch
from newsletter.delivery.models import DeliveryState, DispatchState
from newsletter.delivery.plan import Plan, plan_dispatch
from newsletter.delivery.report import STATES, LogLine, Status, log, status, statuses
from newsletter.delivery.retry import Backoff

__all__ = [
    "STATES",
    "Audience",
    "Backoff",
    "DeliveryState",
    "DispatchState",
    "LogLine",
    "Means",
    "Plan",
    "Progress",
    "Status",
    "cancel",
    "log",
    "pause",
    "plan_dispatch",
    "process_began",
    "resend",
    "run_dispatch",
    "settle",
    "status",
    "statuses",
]
