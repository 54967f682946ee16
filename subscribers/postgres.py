"""PostgreSQL's engine: each connection notices when the other end is gone, and says why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError

from subscribers.database_url import shown
from subscribers.errors import StoreError, UnreachableError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

#: What psycopg and libpq say of a name that they cannot resolve.
_UNRESOLVED = re.compile(r"failed to resolve host|could not translate host name")
#: What PostgreSQL says of one client too many: https://github.com/postgres/postgres/blob/master/src/backend/utils/init/postinit.c
_FULL = re.compile(r"too many (?:clients|connections)|connection slots are reserved")

# How soon either end notices that the network between them is gone: after two minutes, and not hours
# in which a worker waits, and the server keeps locked what that was writing. On our side, what a URL says
# goes before.
# https://www.postgresql.org/docs/current/libpq-connect.html, and runtime-config-connection.html
_SIGNS_OF_LIFE = {
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}


def open_postgres(url: URL) -> Engine:
    """Open the database of a PostgreSQL server, and make sure that it answers.

    Raises:
        StoreError: the driver is missing, or the server refuses; as `UnreachableError` if that may pass.
    """
    url = url.set(drivername="postgresql+psycopg")
    # What the URL asks for is kept: a `search_path`, say.
    arguments = {"options": f"{url.query.get('options', '')} -c timezone=UTC".strip()}
    arguments.update(signs_of_life(url))
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
        event.listen(engine, "connect", _ask_for_signs_of_life)
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL's driver is not installed",
            where=shown(url),
            hint="pip install 'newsletter-press[postgres]'",
        ) from error
    try:
        engine.connect().close()
    except DBAPIError as error:
        engine.dispose()
        raise _explain_postgres(error, engine) from error
    return engine


def signs_of_life(url: URL) -> dict[str, str]:
    """The parameters by which a connection does not wait for ever, but for those that the URL has."""
    wanted = {"connect_timeout": 10, **_SIGNS_OF_LIFE}
    return {name: str(value) for name, value in wanted.items() if name not in url.query}


def _ask_for_signs_of_life(driver: Any, _record: object) -> None:  # noqa: ANN401 - the driver has no types here
    """Let the server, too, notice when we are gone; on the same machine its system tells it."""
    if driver.info.host.startswith("/"):
        return
    names = {name: name if name.startswith("tcp_") else f"tcp_{name}" for name in _SIGNS_OF_LIFE}
    driver.execute("; ".join(f"SET {names[name]} = {value}" for name, value in _SIGNS_OF_LIFE.items()))
    driver.commit()


def _explain_postgres(error: DBAPIError, engine: Engine) -> StoreError:
    """Why a server cannot be reached, and whether that may pass.

    The library tells no SQLSTATE of a connection that was not made, so that its words must do; of a server
    that has too many clients (53300) and speaks another language than English, nobody waits.
    """
    where, reason = shown(engine.url), str(error.orig).strip().splitlines()[0]
    if _UNRESOLVED.search(reason):
        host = engine.url.host or engine.url.query.get("host")
        return UnreachableError(
            f"the name of the database's server cannot be resolved: {host}",
            where=where,
            hint="correct it in `[database] url`, unless the name service is what is away",
        )
    full = _FULL.search(reason) is not None
    kind = UnreachableError if full or not _takes_clients(engine) else StoreError
    hint = "end connections, or raise `max_connections` or the role's limit"
    hint = hint if full else _postgres_hint(reason)
    return kind(f"the database does not answer: {reason}", where=where, hint=hint)


def _takes_clients(engine: Engine) -> bool:
    """Whether the server answers, whatever it says to our password, and is neither starting nor stopping.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQPINGPARAMS
    """
    library: Any = engine.dialect.loaded_dbapi
    where = engine.url.set(drivername="postgresql")
    if "connect_timeout" not in where.query:
        where = where.update_query_dict({"connect_timeout": "10"})
    found = library.pq.PGconn.ping(where.render_as_string(hide_password=False).encode())
    return found not in (library.pq.Ping.REJECT, library.pq.Ping.NO_RESPONSE)


def _postgres_hint(reason: str) -> str:
    """What to do, by what PostgreSQL or its library says: the password, the database, or the server."""
    if "password" in reason:
        return "correct the password: in `[database] url`, PGPASSWORD or the file that PGPASSFILE names"
    if "does not exist" in reason:
        return "make it, by `createuser` or `createdb`, or correct `[database] url`"
    return "start the server, or correct `[database] url`"
