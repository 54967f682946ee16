"""Rules on what filters take for spam, worked out here; nothing of a draft leaves the machine.

They are heuristics and name few words: what a filter makes of a mail depends on who sends it far more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category

from newsletter.checks.finding import Finding, Severity
from newsletter.checks.rule import Rule
from newsletter.checks.worst import usual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.checks.subject import Subject

_RULES = "https://spamassassin.apache.org/old/tests_3_3_x.html"

SUBJECT_SHOUTING = Rule(
    "subject-shouting",
    Severity.WARNING,
    "A subject in capitals shouts, at readers and at filters.",
    _RULES,
    "title: READ THIS BEFORE THE WEEKEND COMES",
    "title: Read this before the weekend comes",
    "front",
)
SUBJECT_SIGNS = Rule(
    "subject-signs",
    Severity.WARNING,
    "Rows of exclamation marks, currency signs and emoji are what spam looks like.",
    _RULES,
    "title: Four hundred newsletters moved!!! 💰💰💰",
    "title: Four hundred newsletters moved!",
    "front",
)
SPAM_WORDS = Rule(
    "spam-words",
    Severity.WARNING,
    "Few phrases are left that hardly anybody but spam uses in a subject; this is one.",
    _RULES,
    "title: Act now, this offer is 100% free",
    "title: What the new offer costs",
    "front",
)
REPLY_FAKED = Rule(
    "reply-faked",
    Severity.WARNING,
    "A subject that pretends to be an answer misleads, which the law forbids (15 U.S.C. 7704(a)(2)).",
    "https://www.law.cornell.edu/uscode/text/15/7704",
    "title: 'Re: your account'",
    "title: Your account in spring",
    "front",
)
IMAGE_RATIO = Rule(
    "image-ratio",
    Severity.WARNING,
    "A mail of pictures with hardly any text is what filters stop, and what says nothing without images.",
    _RULES,
    "<body>" + '<img src="https://example.com/a.png" alt="Offer" width="600">' * 4 + "</body>",
    "<body>"
    + '<img src="https://example.com/a.png" alt="Offer" width="600">'
    + "<p>Words. " * 60
    + "</body>",
    "document",
)
SPAM_SCORE = Rule(
    "spam-score",
    Severity.WARNING,
    "SpamAssassin, asked where `[checks] spamd` says, takes the mail for spam.",
    "https://spamassassin.apache.org/full/4.0.x/doc/spamd.html",
    "title: 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'",
    "title: What happened in spring",
    "front",
)

_PHRASES = re.compile(
    r"\b(?:act now|100 ?% free|risk[- ]free|no obligation|you(?:'ve| have) won|winner!|cash bonus"
    r"|make money fast|double your|work from home|viagra|cialis|casino bonus|once in a lifetime"
    r"|this is not spam|free money|limited time only|click below|dear friend|urgent response|lowest price)\b",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[!?]{3,}|[$€£]{3,}|!{2}")
_REPLY = re.compile(r"^\s*(?:re|fwd?|aw|wg|tr|rv)\s*:", re.IGNORECASE)
#: In letters for each image: below, filters have little to go by.
TEXT_FOR_IMAGE = 60


def subject_line(subject: Subject) -> Iterator[Finding]:
    """The subject, as filters read it."""
    text = usual(subject.edition, subject.edition.subject)
    line = subject.key_line("subject" if "subject" in subject.issue.lines else "title")
    words = re.findall(r"[^\W\d_]{4,}", text)
    shouted = [word for word in words if word.isupper() and word.upper() != word.lower()]
    if len(shouted) >= 3 and len(shouted) * 2 > len(words):
        yield subject.finding(
            SUBJECT_SHOUTING, "the subject is in capitals", hint="write it as you say it", line=line
        )
    emoji = sum(category(letter) == "So" for letter in text)
    if (signs := _SIGNS.search(text)) or emoji > 3:
        yield subject.finding(
            SUBJECT_SIGNS,
            f"`{signs[0]}` in the subject" if signs else f"{emoji} emoji in the subject",
            line=line,
        )
    if phrase := _PHRASES.search(text):
        yield subject.finding(SPAM_WORDS, f"“{phrase[0]}” in the subject", hint="say what it is", line=line)
    if _REPLY.match(text):
        yield subject.finding(
            REPLY_FAKED, "the subject begins as an answer does", hint="leave it out", line=line
        )


def image_ratio(subject: Subject) -> Iterator[Finding]:
    """How much text there is for the images."""
    images = sum(
        each.name == "img" and each.attributes.get("width") not in {"1", "0"} for each in subject.elements
    )
    body = next((each for each in subject.elements if each.name == "body"), None)
    if body and images > 1 and len(subject.text(body)) < TEXT_FOR_IMAGE * images:
        letters = len(subject.text(body))
        yield subject.finding(
            IMAGE_RATIO,
            f"there are {letters} letters of text for {images} images",
            hint="say it in words, too",
        )


RULES = (SUBJECT_SHOUTING, SUBJECT_SIGNS, SPAM_WORDS, REPLY_FAKED, IMAGE_RATIO, SPAM_SCORE)
LOOKS = (subject_line, image_ratio)
