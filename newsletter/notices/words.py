"""What notices say, in English; the catalogues have the rest."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.catalogues import phrase
from newsletter.notices.tables import NoticeKind


@dataclass(frozen=True)
class Words:
    """The texts of a notice, marked for translation; ``%(publication)s`` and the like stand in them.

    ``safe`` is what to do if it was somebody else who asked.
    """

    subject: str
    heading: str
    lead: str
    button: str
    safe: str


_NOT_YOU = phrase(
    "If it was not you, you need do nothing: without a press of the button nothing is changed, "
    "and we will not write to you again because of it."
)

WORDS = {
    NoticeKind.CONFIRM: Words(
        phrase("Please confirm: %(publication)s"),
        phrase("One click, and you are in"),
        phrase(
            "Somebody, hopefully you, asked us to send %(publication)s to this address. "
            "The link is good until %(ends)s."
        ),
        phrase("Yes, subscribe me"),
        _NOT_YOU,
    ),
    NoticeKind.ALREADY: Words(
        phrase("You already receive %(publication)s"),
        phrase("You are on the list already"),
        phrase(
            "Somebody, hopefully you, asked us to send %(publication)s to this address, and we do already. "
            "Here you can see and change what you receive. The link is good until %(ends)s."
        ),
        phrase("Open my preferences"),
        _NOT_YOU,
    ),
    NoticeKind.TOPICS: Words(
        phrase("Please confirm more topics: %(publication)s"),
        phrase("One click, and you receive these, too"),
        phrase(
            "Somebody, hopefully you, asked us to send more topics of %(publication)s to this address, "
            "which is on the list already. The link is good until %(ends)s."
        ),
        phrase("See and confirm"),
        _NOT_YOU,
    ),
    NoticeKind.PREFERENCES: Words(
        phrase("Your preferences: %(publication)s"),
        phrase("Here is your link"),
        phrase(
            "It opens your preferences: what you receive, your name, your language, and your data. "
            "The link is good until %(ends)s."
        ),
        phrase("Open my preferences"),
        _NOT_YOU,
    ),
    NoticeKind.DATA: Words(
        phrase("Your data: %(publication)s"),
        phrase("A copy of your data"),
        phrase(
            "Somebody, hopefully you, asked for a copy of all that %(publication)s knows of you. "
            "The link leads to it, and is good until %(ends)s."
        ),
        phrase("See my data"),
        _NOT_YOU,
    ),
    NoticeKind.ERASURE: Words(
        phrase("Delete your data? %(publication)s"),
        phrase("To be forgotten"),
        phrase(
            "Somebody, hopefully you, asked that %(publication)s forget you. "
            "The link leads to a page that does so for good, and is good until %(ends)s."
        ),
        phrase("Go to that page"),
        _NOT_YOU,
    ),
}

#: What a person agrees to who signs up, unless the publication says it in words of its own.
CONSENT = phrase("I would like to receive %(publication)s by e-mail. I can leave at any time with one press.")

TOPICS = phrase("You chose: %(topics)s")
FOLLOW = phrase("If the button does nothing, open this address:")
WHY = phrase("You receive this one mail because it was asked for on %(url)s.")
HELP = phrase("Questions? Write to %(contact)s.")
