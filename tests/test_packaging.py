"""The wheel holds everything, and nothing of the checkout is needed once it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without any network."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel and, beside it, the dependencies of this one."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    packages = next((home / "lib").glob("python*/site-packages"))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
    return python


def run(python: Path, cwd: Path, *arguments: str) -> str:
    """What a process of the clean environment prints, run away from the checkout."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    done = subprocess.run(
        [python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_wheel_ships_every_template_and_both_packages(wheel: Path) -> None:
    """Each file of ``templates/`` is in the wheel as ``newsletter/_templates``, beside the two packages."""
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {
        "newsletter/_templates/" + path.relative_to(ROOT / "templates").as_posix()
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }

    assert templates - names == set()
    data = ("caniemail.json.gz", "LICENSE-caniemail", "baseline.txt")
    assert {f"newsletter/checks/data/{name}" for name in data} <= names
    assert {"newsletter/py.typed", "subscribers/py.typed", "subscribers/models.py"} <= names
    assert {name.split("/")[0] for name in names} <= {"newsletter", "subscribers"} | {
        name.split("/")[0] for name in names if ".dist-info/" in name
    }


def test_an_installed_wheel_loads_its_own_templates(python: Path, tmp_path: Path) -> None:
    """The installed package compiles an issue with its own theme, far from any checkout."""
    script = (
        "import newsletter, pathlib\n"
        "from newsletter.resources import builtin_templates\n"
        "from newsletter.editions import load_theme, theme_names\n"
        "root = builtin_templates()\n"
        "assert root == pathlib.Path(newsletter.__file__).parent / '_templates', root\n"
        "assert [p.read_text(encoding='utf-8') for p in root.rglob('*') if p.is_file() and p.suffix != '.png']\n"
        "for name in theme_names(): load_theme(name)\n"
        "print('loaded')\n"
    )

    assert run(python, tmp_path, "-c", script) == "loaded\n"


def test_the_installed_command_makes_and_builds_a_publication(python: Path, tmp_path: Path) -> None:
    """`init` and `build` work from the wheel alone."""
    command = str(python.parent / "newsletter")
    run(python, tmp_path, command, "init", "letter")
    issue = next((tmp_path / "letter" / "issues").glob("*.md"))
    built = run(python, tmp_path, command, "-C", "letter", "build", str(issue))

    assert [Path(line).suffix for line in built.split()] == [".html", ".txt", ".eml"]
    assert run(python, tmp_path, command, "--version").startswith("newsletter, version ")
