"""The databases of the integration tests, for tests that kill whole processes."""

from integration.conftest import (  # noqa: F401 - fixtures are used by their names
    engine,
    postgres_engine,
    postgres_template,
    sqlite_engine,
    sqlite_template,
)
