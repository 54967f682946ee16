"""A personal message ready to hand over: ours, the standard library's, and the floor of a join."""

from __future__ import annotations

import re
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import interleaved
from newsletter.config import load_publication
from newsletter.editions import compile_issue, load_theme
from newsletter.editions.links import find_links, track
from newsletter.issues import load_issue
from newsletter.messages import Composer, Envelope, Recipient
from newsletter.messages.marks import Marks

if TYPE_CHECKING:
    from newsletter.config import PublicationSettings
    from newsletter.editions import Edition
    from newsletter.editions.links import Tracked

POLICY = SMTP.clone(max_line_length=998, refold_source="none")
MESSAGES = 100
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"
LINKS = {
    name: f"https://news.example.com/{name}/AbCdEfGhIjKlMnOpQrStUvWxYz"
    for name in ("unsubscribe", "preferences", "web")
}


def main() -> None:
    """Print microseconds per message and the two ratios."""
    publication = load_publication(EXAMPLE).settings.publication
    composer = Composer(long_edition(publication), Envelope.of(publication, "long"))
    readers = [
        Recipient(
            f"reader{n}@example.com",
            f"Reader {n}",
            {"first_name": f"Reader {n}", "tags": ["builders"]},
            LINKS,
        )
        for n in range(MESSAGES)
    ]
    sample = composer.compose(readers[0], "d" * 26, 0.0)
    html, text, size = composer.html(sample), composer.text(sample), len(sample.as_bytes())
    whole = sample.as_bytes()
    chunks = [whole[start : start + size // 12] for start in range(0, size, size // 12)]

    def ours() -> None:
        for number, reader in enumerate(readers):
            composer.compose(reader, f"{number:026}", 0.0).as_bytes()

    def library() -> None:
        for reader in readers[:10]:
            built(reader, html, text).as_bytes(policy=POLICY)

    def floor() -> None:
        for _ in readers:
            b"".join(chunks)

    tracked, links = tracked_composer(publication)
    marks = Marks([b"k" * 32])
    tokens, places = list(tracked[1].marks), list(tracked[1].marks.values())

    def marked() -> None:
        for number, reader in enumerate(readers):
            own = dict(zip(tokens, marks.write(1, number, places), strict=True))
            tracked[0].compose(reader, f"{number:026}", 0.0, marks=own).as_bytes()

    def unmarked() -> None:
        for number, reader in enumerate(readers):
            tracked[0].compose(reader, f"{number:026}", 0.0).as_bytes()

    seconds = interleaved(
        {"ours": ours, "library": library, "floor": floor, "marked": marked, "unmarked": unmarked}
    )
    each = {
        **{name: seconds[name] / MESSAGES for name in ("marked", "unmarked")},
        "ours": seconds["ours"] / MESSAGES,
        "library": seconds["library"] / 10,
        "floor": seconds["floor"] / MESSAGES,
    }
    print(
        f"compose    {size:,} bytes: ours {each['ours'] * 1e6:.1f} µs, "
        f"EmailMessage {each['library'] * 1e6:.0f} µs ({each['library'] / each['ours']:.0f}x ours), "
        f"join {each['floor'] * 1e6:.1f} µs (ours is {each['ours'] / each['floor']:.0f}x)"
    )
    more = each["marked"] - each["unmarked"]
    print(
        f"tracked    {links} links and a picture: with consent {each['marked'] * 1e6:.1f} µs "
        f"({more / (links + 1) * 1e6:.2f} µs more for each mark), "
        f"without {each['unmarked'] * 1e6:.1f} µs ({each['unmarked'] / each['ours']:.2f}x untracked)"
    )


def tracked_composer(publication: PublicationSettings) -> tuple[tuple[Composer, Tracked], int]:
    """The same edition with a web address behind each citation, tracked, and how many links it has."""
    made = long_edition(publication)
    made = replace(made, html=re.sub(r'href="#source-(\d+)"', r'href="https://e.com/\1"', made.html))
    found = find_links(made, publication.url)
    tracked = track(made, publication.url, found, opens=True)
    composer = Composer(made, Envelope.of(publication, "long"), tracked=tracked)
    return (composer, tracked), len(found)


def long_edition(publication: PublicationSettings) -> Edition:
    """The example issue and its stories twice over: about 60 KB of HTML and text, five merge tags."""
    issue = load_issue(EXAMPLE / "issues" / "2026-04-11.md")
    lines = [line for line in issue.body.splitlines() if "{%" not in line and "{{" not in line]
    stories = "\n".join(lines).split("\n## Sources")[0]
    return compile_issue(
        replace(issue, body=f"{stories}\n\n{issue.body}"), load_theme(publication.theme), publication
    )


def built(reader: Recipient, html: str, text: str) -> EmailMessage:
    """The same message as the standard library makes it, quoted-printable."""
    message = EmailMessage(policy=POLICY)
    message["From"], message["To"], message["Subject"] = (
        "A <a@example.com>",
        f"{reader.name} <{reader.email}>",
        "x",
    )
    message["List-Unsubscribe"] = f"<{LINKS['unsubscribe']}>"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message
