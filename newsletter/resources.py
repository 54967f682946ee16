"""Where the built-in themes, pages and starter files are: in the wheel, or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def builtin_templates() -> Path:
    """The folder of built-in templates: ``_templates`` in a wheel, ``templates/`` in a checkout."""
    packaged = Path(str(files("newsletter") / "_templates"))
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parent.parent / "templates"
