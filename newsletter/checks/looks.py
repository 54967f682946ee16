"""Rules on the theme that an issue is shown in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.checks.finding import Finding, Severity, Subject
from newsletter.editions import ENOUGH, SETTINGS_FILE, faint, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def theme_contrast(subject: Subject) -> Iterator[Finding]:
    """Text that hardly differs from what is behind it is not read by everybody (WCAG 2.2, 1.4.3)."""
    theme = subject.theme
    if theme is None:
        return
    source = theme.files.get(SETTINGS_FILE, "")
    for each in faint(theme):
        text, surface = f"{each.mode}.{each.text}", f"{each.mode}.{each.surface}"
        lines = (line_of(source, (each.mode, key)) for key in (each.text, each.surface))
        yield Finding(
            "theme-contrast",
            Severity.WARNING,
            theme.place(SETTINGS_FILE),
            next((line for line in lines if line), None),
            None,
            f"text in `{text}` on `{surface}` has a contrast of {each.ratio:.1f} : 1, less than {ENOUGH} : 1",
            f"choose a colour that differs more from `{surface}`",
        )


RULES = (theme_contrast,)
