"""The databases of the integration tests, for tests that kill whole processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from acceptance.crash.campaign import Zygote
from integration.conftest import (  # noqa: F401 - fixtures are used by their names
    engine,
    postgres_engine,
    postgres_template,
    sqlite_engine,
    sqlite_template,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """What starts commands quickly."""
    zygote = Zygote()
    yield zygote
    zygote.close()
