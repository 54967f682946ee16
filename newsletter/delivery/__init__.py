"""Dispatches: planned once, worked through batch by batch, every recipient with one recorded outcome."""

from newsletter.delivery.audience import Audience
from newsletter.delivery.control import cancel, pause, resend, settle
from newsletter.delivery.forgetting import files_of, forget_recipient
from newsletter.delivery.local import Means, Progress, run_dispatch
from newsletter.delivery.models import DeliveryState, DispatchState
from newsletter.delivery.plan import Plan, plan_dispatch
from newsletter.delivery.report import STATES, LogLine, Status, deliveries_of, log, status, statuses
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
    "deliveries_of",
    "files_of",
    "forget_recipient",
    "log",
    "pause",
    "plan_dispatch",
    "resend",
    "run_dispatch",
    "settle",
    "status",
    "statuses",
]
