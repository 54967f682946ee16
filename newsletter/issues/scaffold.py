"""New publications and new issues, written from the starter files."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.config import FILE_NAME
from newsletter.errors import IssueError, UsageError
from newsletter.issues.digest import dump_front_matter
from newsletter.issues.fields import KNOWN
from newsletter.issues.frontmatter import split_front_matter
from newsletter.issues.slugs import slugify
from newsletter.resources import builtin_templates

#: The starter files and where they go; the settings last, because they make a folder a publication.
_FILES = {
    "gitignore.j2": ".gitignore",
    "welcome.md.j2": "issues/welcome.md",
    "newsletter.toml.j2": FILE_NAME,
}
_SPECIALS = set('()<>@,;:\\".[]')


def create_publication(directory: Path, name: str | None = None) -> list[Path]:
    """Make *directory* a publication, and return the files that were written.

    Args:
        directory: a folder, which need not exist; files that are in it already are left as they are.
        name: the publication's name; by default it is made of the folder's.

    Raises:
        UsageError: it is a publication already, or cannot be written.
    """
    if (directory / FILE_NAME).exists():
        raise UsageError(
            "this is a publication already",
            where=str(directory),
            hint=f"choose another folder, or edit its {FILE_NAME}",
        )
    name = " ".join((name or _name(directory)).split())
    if not name.isprintable():
        raise UsageError(
            "the name has control characters in it", where=repr(name), hint="choose another `--name`"
        )
    written = []
    try:
        for template, target in _FILES.items():
            path = directory / target
            path.parent.mkdir(parents=True, exist_ok=True)
            if _write_new(path, _render(template, name=name, sender=_mailbox(name, "news@example.com"))):
                written.append(path)
    except OSError as error:
        raise UsageError(
            f"the publication cannot be written: {error.strerror}",
            where=str(error.filename or directory),
            hint="check the folder and its rights",
        ) from error
    return written


def create_issue(issues: Path, title: str, day: date, body: str | None = None) -> Path:
    """Write a new issue file ``YYYY-MM-DD-slug.md`` and return its path.

    Args:
        issues: the folder of issues, made if it is not there.
        title: the issue's title.
        day: its date.
        body: Markdown, of which front matter is kept but for title and date; the starter's by default.

    Raises:
        UsageError: the title is empty.
        IssueError: a file of that name is there, or it cannot be written.
    """
    title = " ".join(title.split())
    if not title or not title.isprintable():
        raise UsageError("an issue needs a title", hint='write `newsletter new "TITLE"`')
    matter = split_front_matter(_render("issue.md.j2") if body is None else body, None, KNOWN)
    values = {**matter.values, "title": title.replace("{{", "\\{{"), "date": day}
    ordered = {key: values.pop(key) for key in ("title", "date")} | values
    text = f"---\n{dump_front_matter(ordered)}---\n\n{matter.body.lstrip(chr(10))}"
    path = issues / f"{day.isoformat()}-{slugify(title, longest=60)}.md"
    try:
        issues.mkdir(parents=True, exist_ok=True)
        written = _write_new(path, text)
    except OSError as error:
        raise IssueError(
            f"the issue cannot be written: {error.strerror}",
            where=str(path),
            hint="check the folder and its rights",
        ) from error
    if not written:
        raise IssueError(
            "there is such an issue already", where=str(path), hint="choose another title, or edit that file"
        )
    return path


def _render(template: str, **values: str) -> str:
    """A starter file with *values* in it, of which the filter ``toml`` makes a TOML string."""
    environment = Environment(  # noqa: S701 - what it writes is no HTML
        loader=FileSystemLoader(builtin_templates() / "starter"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment.get_template(template).render(values)


def _write_new(path: Path, text: str) -> bool:
    """Write *text* to *path* whole and only if nothing is there; False if something is.

    The link fails where the name is taken, so that neither a reader nor a second writer sees half a file.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o666 & ~_umask())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink()
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _name(directory: Path) -> str:
    words = directory.resolve().name.replace("-", " ").replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or "Newsletter"


def _mailbox(name: str, address: str) -> str:
    """``name <address>``, the name quoted where RFC 5322, section 3.2.4, wants it."""
    if _SPECIALS & set(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return f"{name} <{address}>"
