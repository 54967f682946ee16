"""What can be set of reviewing an issue before it is sent, and of the studio in which that is done."""

from __future__ import annotations

from typing import Annotated, Literal

from newsletter.config.values import Section, checked, split_mailbox


def _editor(value: str) -> None:
    if value and "{path}" not in value:
        raise ValueError(
            "does not say where the file's path goes; write `vscode://file{path}:{line}`"
            " or `code -g {path}:{line}`"
        )


def _address(value: str) -> None:
    if not split_mailbox(value)[1]:
        raise ValueError("is no address; write `name@example.com`")


class ReviewSettings(Section):
    """Whether somebody must approve an edition before it may be sent: docs/studio.md."""

    approval: Literal["optional", "required"] = "optional"


class StudioSettings(Section):
    """How `newsletter preview` opens your editor, and whom it may mail tests to from another machine."""

    editor: Annotated[str, checked(_editor)] = ""
    test_addresses: tuple[Annotated[str, checked(_address)], ...] = ()
