"""The commands about issues: `newsletter init`, `new` and `build`."""

from __future__ import annotations

import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.checks import check_pressed
from newsletter.cli import output
from newsletter.cli.session import Session, json_option, pass_session
from newsletter.editions import publish
from newsletter.errors import IssueError, NewsletterError, UsageError
from newsletter.issues import (
    Draft,
    create_issue,
    create_publication,
    is_markdown,
    read_digest_text,
    read_draft,
    to_markdown,
)
from newsletter.messages import write_files
from newsletter.whole import write_whole

if TYPE_CHECKING:
    from newsletter.editions import Pressed
    from newsletter.messages import Message


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--name", help="The publication's name; default: the folder's.")
def init(directory: Path, name: str | None) -> None:
    """Make a new publication.

    \b
    Example:
      newsletter init my-letter
    """
    for path in create_publication(directory, name):
        output.data(str(path))
    output.say(f"next: edit {directory / 'newsletter.toml'}, then `newsletter -C {directory} preview`")


@click.command()
@click.argument("title", required=False)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Make the issue of this file: Markdown, or pasted digest text.",
)
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The issue's date; default: the text's, else today.",
)
@pass_session
def new(session: Session, title: str | None, source: Path | None, day: datetime | None) -> None:
    """Make a new issue and print its path.

    A text with Markdown in it is kept word for word; of one without, the parts of a digest are found out.

    \b
    Examples:
      newsletter new "What we learned in spring"
      newsletter new --from pasted-digest.txt
      newsletter new --from draft.md
    """
    chosen = day.date() if day else None
    if source is None:
        if not title:
            raise UsageError(
                "an issue needs a title",
                hint='write `newsletter new "TITLE"` or `newsletter new --from FILE`',
            )
        path = create_issue(session.publication.issues, title, chosen or date.today())
    else:
        draft = _draft(session.path(source), title)
        path = create_issue(
            session.publication.issues, draft.title, chosen or draft.date or date.today(), draft.markdown
        )
    output.data(str(path))


@click.command()
@click.argument("issue")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    help="Where to write; default: build/ in the publication.",
)
@click.option("--as", "reader", metavar="EMAIL", help="Write it as this subscriber gets it.")
@click.option(
    "--assets",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write its images there too, under the names that the HTML has below /media/.",
)
@click.option(
    "--preview",
    "copy",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write a static copy of its preview, too: one HTML file that needs no network, or into that folder.",
)
@json_option
@pass_session
def build(
    session: Session,
    issue: str,
    folder: Path | None,
    reader: str | None,
    assets: Path | None,
    copy: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compile an issue into SLUG.html, SLUG.txt and SLUG.eml.

    \b
    Examples:
      newsletter build issues/2026-04-11.md
      newsletter build 2026-04-11 --as ann@example.com -o /tmp/preview
      newsletter build 2026-04-11 --assets public/media
      newsletter build 2026-04-11 --preview to-mail.html
    """
    pressed = session.press(issue)
    publication = session.publication
    folder = folder or publication.root / "build"
    message = session.sample(pressed, reader)
    files = write_files(message, folder, publication.settings.publication.url)
    if assets:
        files += publish(pressed.images, assets)
    if copy:
        files.append(_write_copy(session, pressed, message if reader else None, copy))
    edition = pressed.edition
    if not as_json:
        for path in files:
            output.data(str(path))
        if pressed.images and not (assets or copy):
            _tell_pictures(publication.settings.publication.url, pressed)
        return
    output.document(
        {
            "slug": edition.slug,
            "subject": pressed.issue.subject,
            "preheader": pressed.issue.preheader,
            "digest": edition.digest,
            "html_bytes": len(edition.html.encode()),
            "text_bytes": len(edition.text.encode()),
            "merge_tags": sorted({slot.expression for slot in edition.slots if slot.kind == "value"}),
            "files": [str(path) for path in files],
        }
    )


def _tell_pictures(url: str, pressed: Pressed) -> None:
    """Say that a browser does not show the pictures of what was built yet, and how to see them."""
    slug = pressed.edition.slug
    output.say(
        f"{slug}.html shows its {output.plural(len(pressed.images), 'picture')} from {url}/media/, which has"
        " them only once the issue is sent"
    )
    output.say(
        f"to look at it now: `newsletter build {slug} --preview {slug}-preview.html`, which has them in it"
    )


def _write_copy(session: Session, pressed: Pressed, message: Message | None, path: Path) -> Path:
    """Write the static copy of the preview to a file or into a folder, and tell where.

    Without a message it is what the studio's example reader gets, who may be one that would be skipped.

    Raises:
        NewsletterError: it cannot be written.
    """
    from newsletter.studio.export import static_copy
    from newsletter.studio.proof import Proof, prove
    from newsletter.studio.readers import MADE_UP

    settings = session.publication.settings
    found = check_pressed(pressed, settings)
    if message:
        proof = Proof(message, None)
    else:
        contents, example = pressed.contents(), MADE_UP[0]
        proof = prove(pressed.edition, contents, settings.publication, example, time.time())
    text = static_copy(pressed, proof, found, settings.publication)
    if path.suffix.lower() not in (".html", ".htm"):
        path = path / f"{pressed.edition.slug}-preview.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise NewsletterError(
            f"cannot be written: {error.strerror}", where=str(path), hint="choose another place"
        ) from error
    return path


def _draft(source: Path, title: str | None) -> Draft:
    """What *source* says: Markdown as it is, digest text with its parts marked."""
    text = _read(source)
    if is_markdown(text):
        output.say("this is Markdown already; it is kept as it is")
        return read_draft(text, source, title)
    digest = read_digest_text(text, source)
    for note in digest.notes:
        output.warn(note)
    return Draft(title or digest.title, digest.date, to_markdown(digest))


def _read(source: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
    except OSError as error:
        raise IssueError(
            f"cannot be read: {error.strerror}", where=str(source), hint="check the path"
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IssueError(
            "is no UTF-8 text", where=str(source), hint="save it as plain text in UTF-8"
        ) from error


COMMANDS = (init, new, build)
