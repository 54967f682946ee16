"""Opening a file at a line in the editor that the publication or the environment names."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from threading import Thread
from urllib.parse import quote

from newsletter.errors import NewsletterError

#: Editors with a window of their own, and how each is told a line; no other can be opened from here.
_KNOWN = {
    "code": "-g {path}:{line}",
    "codium": "-g {path}:{line}",
    "cursor": "-g {path}:{line}",
    "zed": "{path}:{line}",
    "subl": "{path}:{line}",
    "mate": "-l {line} {path}",
    "bbedit": "+{line} {path}",
    "gedit": "+{line} {path}",
    "kate": "-l {line} {path}",
    "idea": "--line {line} {path}",
    "pycharm": "--line {line} {path}",
}


class Editor:
    """An editor.

    Args:
        setting: ``[studio] editor``: an address such as ``vscode://file{path}:{line}``, a command such as
            ``code -g {path}:{line}``, or nothing for what ``VISUAL`` names.
    """

    def __init__(self, setting: str) -> None:
        self._pattern = setting or _of_environment()

    @property
    def known(self) -> bool:
        """Whether there is one."""
        return bool(self._pattern)

    @property
    def by_link(self) -> bool:
        """Whether a link opens it; otherwise a command of this machine does."""
        return "://" in self._pattern

    def link(self, path: Path, line: int) -> str:
        """The link that opens the file at that line; empty if no link does."""
        if not self.by_link:
            return ""
        return self._pattern.replace("{path}", quote(str(path.resolve()))).replace("{line}", str(line or 1))

    def open(self, path: Path, line: int) -> None:
        """Start the editor's command, and leave it alone.

        Raises:
            NewsletterError: there is none, or it cannot be started.
        """
        if not self.known or self.by_link:
            raise NewsletterError(
                "no editor is set",
                where="studio.editor",
                hint='set `editor = "code -g {path}:{line}"` under `[studio]`',
            )
        filled = {"{path}": str(path.resolve()), "{line}": str(line or 1)}
        words = [_filled(word, filled) for word in shlex.split(self._pattern)]
        try:
            process = subprocess.Popen(  # noqa: S603 - the publication's own command, without a shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise NewsletterError(
                f"the editor cannot be started: {error.strerror}",
                where=words[0],
                hint="set `[studio] editor`",
            ) from error
        Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie when it is closed


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def _of_environment() -> str:
    """The pattern of the editor that ``VISUAL`` names, if it has a window of its own."""
    try:
        words = shlex.split(os.environ.get("VISUAL", ""))
    except ValueError:
        return ""
    form = _KNOWN.get(Path(words[0]).name) if words else None
    return f"{shlex.quote(words[0])} {form}" if form else ""
