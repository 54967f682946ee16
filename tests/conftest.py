"""What every test gets: no network but this machine, no settings from the outside, and the programs it may need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from pytest_socket import socket_allow_hosts

ROOT = Path(__file__).resolve().parent.parent

for _name in [name for name in os.environ if name.startswith(("NEWSLETTER_", "SENDGRID_"))]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _only_this_machine():
    """A test that reaches out of this machine fails."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found:
        return found
    message = f"{name} is not on this machine (Debian: apt-get install {package})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real browser; CI must have it."""
    return _program("chromium", "chromium")


@pytest.fixture(scope="session")
def smtp_sink() -> str:
    """The path of Postfix's receiver of test mail; CI must have it."""
    return _program("smtp-sink", "postfix")
