"""The rooms of the house: who may import whom, and one door for each library."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: From the ground up; a room may import rooms of lower rows, and itself.
ROWS: list[set[str]] = [
    {"resources", "errors", "measures", "whole", "subscribers"},
    {"catalogues", "config"},
    {"issues"},
    {"editions"},
    {"checks", "messages"},
    {"providers"},
    {"delivery", "review"},
    {"notices"},
    {"migrations", "web"},
    {"feedback"},
    {"public", "studio"},
    {"cli"},
    {"__main__"},
]
RANK = {room: number for number, row in enumerate(ROWS) for room in row}

#: Library → the modules (path prefixes) that may import it.
DOORS = {
    "click": ["newsletter/cli/"],
    "rich": ["newsletter/cli/"],
    "mjml": ["newsletter/editions/mjml.py"],
    "premailer": ["newsletter/editions/inlining.py"],
    "sendgrid": ["newsletter/providers/sendgrid.py", "newsletter/providers/sendgrid_webhook.py"],
    "python_http_client": ["newsletter/providers/sendgrid.py"],
    "procrastinate": ["newsletter/delivery/cluster.py", "newsletter/delivery/calls.py"],
    "psycopg_pool": ["newsletter/delivery/cluster.py"],
    "pygments": ["newsletter/editions/highlighting.py"],
    "imagesize": ["newsletter/editions/media.py"],
    "nh3": ["newsletter/editions/"],
    "markdown_it": ["newsletter/issues/", "newsletter/editions/"],
    "fastapi": ["newsletter/web/", "newsletter/public/", "newsletter/studio/"],
    "uvicorn": ["newsletter/web/"],
    "alembic": ["newsletter/migrations/"],
    "itsdangerous": ["subscribers/"],
    "cryptography": ["newsletter/messages/"],
    "flufl": ["newsletter/feedback/guessing.py"],
    "imaplib": ["newsletter/feedback/imap.py"],
}

MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("newsletter", "subscribers")
    for path in (ROOT / package).rglob("*.py")
)


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            names |= (
                {f"{module}.{alias.name}" for alias in node.names} if module == "newsletter" else {module}
            )
    return names


def room(dotted: str) -> str | None:
    """The room that a dotted name of ours belongs to, or None for somebody else's."""
    first, *rest = dotted.split(".")
    if first == "subscribers":
        return "subscribers"
    return rest[0] if first == "newsletter" and rest else None


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_run_downhill(path: Path) -> None:
    """A room imports only rooms below it; the list knows nothing of the press."""
    here = room(".".join(path.with_suffix("").parts))
    if path.name == "__init__.py" and len(path.parts) == 2:
        return  # the package's front door names what is inside
    uphill = {
        name
        for name in imported(path)
        if (there := room(name)) and there in RANK and there != here and RANK[there] >= RANK[str(here)]
    }

    assert uphill == set()


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_library_has_one_door(path: Path) -> None:
    """A third-party library is imported only where the design puts it."""
    wrong = {
        library
        for library in {name.split(".")[0] for name in imported(path)} & DOORS.keys()
        if not any(str(path).startswith(door) for door in DOORS[library])
    }

    assert wrong == set()


def test_every_room_has_a_row() -> None:
    """A new room must be given its place before it may be used."""
    rooms = {
        path.stem
        for path in (ROOT / "newsletter").iterdir()
        if path.name[0] not in "_." and path.name != "py.typed"
    }

    assert rooms <= RANK.keys()


def test_the_map_of_the_contributors_is_this_one() -> None:
    """CONTRIBUTING.md draws the rooms in their rows, from the top down."""
    map_ = (
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| rooms |")[2].partition("\n\n")[0]
    )
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in map_.splitlines()[2:]]

    assert rows == [row - {"__main__"} for row in reversed(ROWS) if row != {"__main__"}]


def test_no_module_is_a_drawer_for_anything() -> None:
    """Names tell what is inside."""
    drawers = {"utils", "util", "helpers", "common", "manager", "misc"}

    assert [path for path in MODULES if path.stem in drawers] == []
