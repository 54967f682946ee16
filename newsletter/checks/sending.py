"""Rules on what mailbox providers and the law ask of a newsletter: a way out, an address, a true sender."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.checks.body_links import is_local
from newsletter.checks.finding import Finding, Severity
from newsletter.checks.relay import is_remote
from newsletter.checks.rule import Rule
from newsletter.checks.worst import LINKS
from newsletter.config import split_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

#: RFC 5322, 2.1.1, in octets.
LONGEST_LINE = 998
_SENDERS = "https://support.google.com/mail/answer/81126"
_PUBLICATION = '[publication]\nname = "Letter"\nfrom = "Letter <letter@example.com>"\n'
_ADDRESS = 'postal_address = "1 Example Street"\n'
_URL = 'url = "https://news.example.com"\n'
_RELAY = '[delivery]\nprovider = "smtp"\n[smtp]\nhost = "smtp.example.com"\n'

UNSUBSCRIBE_LINK = Rule(
    "unsubscribe-link",
    Severity.ERROR,
    "Whoever finds no way out takes the one to the spam folder; the law asks for it, too.",
    "https://www.law.cornell.edu/uscode/text/15/7704",
    "A text without a footer.\n",
    "A text. Unsubscribe: {unsubscribe}\n",
    "text",
)
UNSUBSCRIBE_CLIPPED = Rule(
    "unsubscribe-clipped",
    Severity.WARNING,
    "The only way out stands where Gmail has already cut the mail off.",
    "https://github.com/hteumeuleu/email-bugs/issues/41",
    "<p>" + "A very long mail. " * 6_000 + '</p><a href="{unsubscribe}">Unsubscribe</a>',
    '<p>A mail of ordinary length.</p><a href="{unsubscribe}">Unsubscribe</a>',
    "document",
)
POSTAL_ADDRESS = Rule(
    "postal-address",
    Severity.WARNING,
    "Commercial mail must name a postal address (CAN-SPAM Act, 15 U.S.C. 7704(a)(5)(A)(iii)).",
    "https://www.law.cornell.edu/uscode/text/15/7704",
    _PUBLICATION + _URL,
    _PUBLICATION + _URL + _ADDRESS,
    "publication",
)
POSTAL_ADDRESS_SHOWN = Rule(
    "postal-address-shown",
    Severity.WARNING,
    "An address that is set and not shown is none.",
    "https://www.law.cornell.edu/uscode/text/15/7704",
    '<!doctype html><html lang="en" dir="ltr"><body><p>Text</p></body></html>',
    '<!doctype html><html lang="en" dir="ltr"><body><p>Letter, 1 Example Street</p></body></html>',
    "document",
)
SENDER_DOMAIN = Rule(
    "sender-domain",
    Severity.WARNING,
    "Free mail providers tell others to refuse what says it is from them and is not (DMARC).",
    _SENDERS,
    '[publication]\nname = "Letter"\nfrom = "Letter <letter@gmail.com>"\n' + _ADDRESS,
    _PUBLICATION + _ADDRESS,
    "publication",
)
SENDER_NAME = Rule(
    "sender-name",
    Severity.NOTE,
    "Readers open what is from somebody they know; a bare address is nobody.",
    _SENDERS,
    '[publication]\nname = "Letter"\nfrom = "letter@example.com"\n' + _ADDRESS,
    _PUBLICATION + _ADDRESS,
    "publication",
)
NO_REPLY = Rule(
    "no-reply",
    Severity.NOTE,
    "Answers to a no-reply address are lost, and mailbox providers count answers as a good sign.",
    "https://www.rfc-editor.org/rfc/rfc5322#section-3.6.2",
    '[publication]\nname = "Letter"\nfrom = "Letter <noreply@example.com>"\n' + _ADDRESS,
    '[publication]\nname = "Letter"\nfrom = "Letter <noreply@example.com>"\nreply_to = "ann@example.com"\n'
    + _ADDRESS,
    "publication",
)
LIST_ID = Rule(
    "list-id",
    Severity.WARNING,
    "The List-Id, by which mail programs sort a newsletter, is made of the sender's domain.",
    "https://www.rfc-editor.org/rfc/rfc2919#section-2",
    '[publication]\nname = "Letter"\nfrom = "Letter <letter@localhost>"\n' + _ADDRESS,
    _PUBLICATION + _ADDRESS,
    "publication",
)
UNSUBSCRIBE_HTTPS = Rule(
    "unsubscribe-https",
    Severity.WARNING,
    "One-click unsubscribing needs an encrypted address (RFC 8058), which Gmail and Yahoo ask of senders.",
    "https://www.rfc-editor.org/rfc/rfc8058#section-3.1",
    _PUBLICATION + _ADDRESS + 'url = "http://news.example.com"\n',
    _PUBLICATION + _ADDRESS + _URL,
    "publication",
)
UNSUBSCRIBE_LOCAL = Rule(
    "unsubscribe-local",
    Severity.ERROR,
    "Links for readers that lead to your own machine let nobody leave.",
    "https://www.rfc-editor.org/rfc/rfc8058#section-3.1",
    _PUBLICATION + _ADDRESS + 'url = "http://127.0.0.1:8000"\n' + _RELAY,
    _PUBLICATION + _ADDRESS + _URL + _RELAY,
    "publication",
)
LINE_LENGTH = Rule(
    "line-length",
    Severity.NOTE,
    "No line of a mail may be longer than 998 octets; a longer one is cut into pieces on the way.",
    "https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1",
    "Unsubscribe: {unsubscribe}\n" + "word" * 300,
    "Unsubscribe: {unsubscribe}\n" + "word " * 12,
    "text",
)

#: Domains whose DMARC policy is to reject or to quarantine.
_FREE = frozenset(
    "gmail.com googlemail.com yahoo.com yahoo.co.uk ymail.com aol.com outlook.com hotmail.com"  # noqa: SIM905
    " live.com msn.com icloud.com me.com mac.com gmx.de gmx.net web.de proton.me protonmail.com"
    " mail.ru yandex.ru zoho.com".split()
)
_NO_REPLY = re.compile(r"(?:no|do.?not).?reply", re.IGNORECASE)


def ways_out(subject: Subject) -> Iterator[Finding]:
    """Each form of the mail offers the way out, and where it is seen."""
    tokens = [slot.token for slot in subject.edition.slots if slot.expression == "links.unsubscribe"]
    for form, text in (("HTML", subject.edition.html), ("plain text", subject.edition.text)):
        if not any(token in text for token in tokens):
            yield subject.finding(
                UNSUBSCRIBE_LINK,
                f"the {form} has no unsubscribe link",
                hint="put `{{ links.unsubscribe }}` into the theme's footer",
            )
    found = [token for token in tokens if token in subject.edition.html]
    first = min(found, key=subject.edition.html.find, default=None)
    limit = subject.settings.html_bytes
    if first is None or not subject.may_have(limit):
        return
    if subject.most_bytes_before(first, LINKS["unsubscribe"]) >= limit:
        yield subject.finding(
            UNSUBSCRIBE_CLIPPED,
            "the unsubscribe link stands behind the place where Gmail cuts the mail off",
            hint="shorten the issue, or put a link at its beginning too",
            clients=("Gmail (web)", "Gmail (iOS)", "Gmail (Android)"),
        )


def postal_address(subject: Subject) -> Iterator[Finding]:
    """There is a postal address, and readers see it."""
    address = " ".join(subject.publication.postal_address.split())
    if not address:
        yield subject.in_settings(
            POSTAL_ADDRESS,
            "there is no postal address for the footer",
            hint='add `postal_address = "…"` under `[publication]`',
        )
    elif subject.elements and address not in subject.text(subject.elements[0]):
        yield subject.finding(
            POSTAL_ADDRESS_SHOWN,
            "the postal address is set, and not in the mail",
            hint="put `{{ publication.postal_address }}` into the theme's footer",
        )


def sender(subject: Subject) -> Iterator[Finding]:
    """Who the mail is from, and where answers go."""
    name, address = split_mailbox(subject.publication.sender)
    domain = address.rpartition("@")[2].lower()
    if domain in _FREE:
        yield subject.in_settings(
            SENDER_DOMAIN,
            f"mail from @{domain} that another server sends is refused",
            hint="send from a domain of your own",
        )
    if "." not in domain:
        yield subject.in_settings(
            LIST_ID,
            f"`{domain}` is no domain that a List-Id can be made of",
            hint="send from a domain of your own",
        )
    if not name:
        yield subject.in_settings(
            SENDER_NAME, "the sender has no name", hint=f'`from = "{subject.publication.name} <{address}>"`'
        )
    if _NO_REPLY.search((subject.publication.reply_to or address).split("@")[0]):
        yield subject.in_settings(
            NO_REPLY, "answers go to a no-reply address", hint='set `reply_to = "…"` under `[publication]`'
        )


def public_address(subject: Subject) -> Iterator[Finding]:
    """Readers' links lead to where readers can go.

    An outbox is for looking at, so anything goes there; what a relay on this machine takes may stay on it.
    """
    url = subject.publication.url
    if is_local(urlsplit(url).hostname or ""):
        if subject.provider not in {"", "outbox"}:
            yield subject.finding(
                UNSUBSCRIBE_LOCAL,
                f"the links for readers lead to {url}, where readers can neither unsubscribe nor see images",
                hint='set `url = "https://…"` under `[publication]`: where they reach `newsletter serve`',
                file="newsletter.toml",
                severity=None if is_remote(subject.relay) else Severity.WARNING,
            )
    elif url.startswith("http://"):
        yield subject.in_settings(
            UNSUBSCRIBE_HTTPS, f"the links for readers lead to {url}, without encryption", hint="use https://"
        )


def lines(subject: Subject) -> Iterator[Finding]:
    """The lines of the plain text."""
    longest = max(subject.edition.text.splitlines() or [""], key=len)
    if len(longest.encode()) > LONGEST_LINE:
        yield subject.finding(
            LINE_LENGTH,
            f"a line of the plain text has {len(longest.encode()):,} octets: “{longest[:40]}…”",
            hint="break it, or shorten the address in it",
        )


RULES = (
    UNSUBSCRIBE_LINK,
    UNSUBSCRIBE_CLIPPED,
    POSTAL_ADDRESS,
    POSTAL_ADDRESS_SHOWN,
    SENDER_DOMAIN,
    SENDER_NAME,
    NO_REPLY,
    LIST_ID,
    UNSUBSCRIBE_HTTPS,
    UNSUBSCRIBE_LOCAL,
    LINE_LENGTH,
)
LOOKS = (ways_out, postal_address, sender, public_address, lines)
