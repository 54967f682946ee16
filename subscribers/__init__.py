"""The list: who is on it, what they chose and agreed to, and who must not be mailed."""

from subscribers.addresses import Address, normalise
from subscribers.attributes import infer_value
from subscribers.columns import now
from subscribers.consent import Consent, ConsentRecord
from subscribers.database import open_engine, writing
from subscribers.engagement import Bounce, Event, EventKind, events_of, record_events
from subscribers.errors import (
    AddressError,
    ConsentError,
    FieldError,
    SegmentError,
    StoreError,
    SubscribersError,
    TransferError,
)
from subscribers.mailable import Addressee, Candidate, addressees, candidates
from subscribers.models import ConsentKind, Status, SuppressionReason
from subscribers.profiles import Profile
from subscribers.segments import EVERYONE, Segment, parse_segment
from subscribers.store import SubscriberStore
from subscribers.tokens import Tokens
from subscribers.transfer import ImportReport, export_csv, import_file

__all__ = [
    "EVERYONE",
    "Address",
    "AddressError",
    "Addressee",
    "Bounce",
    "Candidate",
    "Consent",
    "ConsentError",
    "ConsentKind",
    "ConsentRecord",
    "Event",
    "EventKind",
    "FieldError",
    "ImportReport",
    "Profile",
    "Segment",
    "SegmentError",
    "Status",
    "StoreError",
    "SubscriberStore",
    "SubscribersError",
    "SuppressionReason",
    "Tokens",
    "TransferError",
    "addressees",
    "candidates",
    "events_of",
    "export_csv",
    "import_file",
    "infer_value",
    "normalise",
    "now",
    "open_engine",
    "parse_segment",
    "record_events",
    "writing",
]
