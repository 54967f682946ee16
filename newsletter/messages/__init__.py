"""Edition + recipient → bytes."""

from newsletter.messages.composer import Composer
from newsletter.messages.envelope import Envelope
from newsletter.messages.files import write_files
from newsletter.messages.links import example_links, personal_links, unlisted_link
from newsletter.messages.message import Message, Recipient, UnmailableError

__all__ = [
    "Composer",
    "Envelope",
    "Message",
    "Recipient",
    "UnmailableError",
    "example_links",
    "personal_links",
    "unlisted_link",
    "write_files",
]
