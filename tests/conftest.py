"""What every test gets: no network but this machine, no outer settings, and the programs it may need."""

from __future__ import annotations

import os
import re
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from postgres import pgserver
from pytest_socket import socket_allow_hosts
from sqlalchemy import create_engine, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How long a case takes, or is looked for, says how busy the machine is, and nothing of us. CI tries the same cases
# each time, so that a red run can be looked into; elsewhere new ones are looked for.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("any machine"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "any machine")

ROOT = Path(__file__).resolve().parent.parent

# Neither settings of ours nor a proxy, by which this machine would be asked for itself.
for _name in list(os.environ):
    if _name.startswith(("NEWSLETTER_", "SENDGRID_")) or _name.lower().endswith("_proxy"):
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


@pytest.fixture(scope="session")
def nginx() -> str:
    """The path of nginx; CI must have it."""
    return _program("nginx", "nginx-light")


@pytest.fixture(scope="session")
def caddy() -> str:
    """The path of Caddy; CI must have it."""
    return _program("caddy", "caddy")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """The path of what reads systemd's units; CI must have it."""
    return _program("systemd-analyze", "systemd")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running PostgreSQL's own database, over a Unix socket."""
    server = pgserver().get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    try:
        yield re.sub(r"^postgresql://", "postgresql+psycopg://", server.get_uri())
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def new_postgres_url(postgres_server: str) -> Iterator[Callable[[str], str]]:
    """A function that makes one more database out of the named template and gives its URL."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    numbers = count(1)

    def make(template: str = "template1") -> str:
        name = f"test_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return admin.url.set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()
