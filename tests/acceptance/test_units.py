"""The examples of systemd units in docs/serving, as systemd itself reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "serving"
UNITS = sorted(each.name for each in EXAMPLES.iterdir() if each.suffix in {".service", ".socket", ".timer"})


def test_there_are_some():
    assert UNITS == [
        "newsletter-run-due.service",
        "newsletter-run-due.timer",
        "newsletter-worker.service",
        "newsletter.service",
        "newsletter.socket",
    ]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_about_a_unit(systemd_analyze, tmp_path, name):
    """Neither an unknown key nor a value that it ignores; the program is one that there is here."""
    for each in UNITS:
        unit = (EXAMPLES / each).read_text(encoding="utf-8")
        unit = unit.replace("/srv/newsletter/.venv/bin/newsletter", "/bin/true")
        (tmp_path / each).write_text(unit, encoding="utf-8")
    done = subprocess.run(
        [systemd_analyze, "verify", "--man=no", str(tmp_path / name)],
        env={"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "newsletter" in line]
    assert ours == []


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_every_process_finds_the_password_of_its_database(name):
    """Each of them opens the same database."""
    assert "\nEnvironment=PGPASSFILE=/srv/newsletter/secrets/pgpass\n" in (EXAMPLES / name).read_text("utf-8")


def test_the_service_is_well_enclosed(systemd_analyze, tmp_path):
    """By systemd's own measure of exposure, from 0 to 10: what needs no network at all has less."""
    unit = (EXAMPLES / "newsletter.service").read_text(encoding="utf-8")
    (tmp_path / "newsletter.service").write_text(unit, encoding="utf-8")
    done = subprocess.run(
        [
            systemd_analyze,
            "security",
            "--offline=true",
            "--threshold=20",
            str(tmp_path / "newsletter.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
