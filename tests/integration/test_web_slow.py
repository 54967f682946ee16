"""Slow, many and impolite clients, against a real server on a port: one process, and two workers."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest

PROGRAM = """
import os, sys
from fastapi import FastAPI, Request
from newsletter.web import Guard, Held, Patience, serve
from newsletter.web.serving import listen, serve_shared, url_of
from newsletter.web.sharing import Turn
from newsletter.web.supervising import Supervisor, Work

gate = os.fdopen(os.dup(0))
app = FastAPI()

@app.get("/")
def root():
    return "here"

@app.get("/slow")
def slow():
    print("begun", flush=True)
    gate.readline()
    return "done"

@app.post("/")
async def posted(request: Request):
    return len(await request.body())

workers, seconds = int(sys.argv[1]), float(sys.argv[2])
app.add_middleware(Guard, headers={}, body_seconds=seconds)
held = Held(8, workers, Turn())
patience = Patience(headers=seconds, idle=3 * seconds, held=held, grace=60)

def work(seat, shift):
    held.sit(seat)
    serve_shared(app, listener, patience, shift.ready, shift.lifeline)

if workers > 1:
    listener = listen("127.0.0.1", 0)
    plan = [Work(str(seat), lambda shift, seat=seat: work(seat, shift)) for seat in range(workers)]
    ready = lambda: print(url_of(listener, "127.0.0.1"), flush=True)
    Supervisor(lambda: plan, 60, on_ready=ready, on_stop=listener.close).run()
else:
    serve(app, port=0, patience=patience, on_ready=lambda url: print(url, flush=True))
print("left", flush=True)
"""

ASKED = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@contextmanager
def running(workers, seconds):
    """The program with so many workers, which wait so long for what does not come: its process and its port."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen([*command, str(workers), str(seconds)], text=True, **pipes) as process:
        try:
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.terminate()
            process.stdin.close()
            process.wait(60)


@pytest.fixture(scope="module", params=[1, 2], ids=["alone", "workers"])
def port(request):
    """A service without patience."""
    with running(request.param, 0.3) as (_, port):
        yield port


@pytest.fixture(params=[1, 2], ids=["alone", "workers"])
def fresh(request):
    """A service with patience, that nobody else has connections to."""
    with running(request.param, 600) as service:
        yield service


def connected(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(300)  # against hanging for ever only
    return connection


def say(connection, words):
    """Send *words*, of which the end may find that the connection was cut meanwhile."""
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(words)


def answer_to(port, words):
    """What is answered to *words*; who was too slow for a service without patience comes again."""
    while True:
        with connected(port) as connection:
            say(connection, words)
            if answer := rest(connection):
                return answer


def rest(connection):
    """All that comes until the server closes; nothing, if it cuts the connection."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "], ids=["silent", "headers"]
)
def test_who_does_not_finish_its_headers_is_cut_off(port, begun):
    """Slowloris: the connection ends, though not one more byte comes."""
    with connected(port) as slow:
        say(slow, begun)
        assert rest(slow) == b""
    assert answer_to(port, ASKED).startswith(b"HTTP/1.1 200")


def test_who_trickles_headers_after_a_first_answer_is_cut_off_too(port):
    told = b""
    while not told:  # as long as this machine is too slow for a whole request already
        with connected(port) as slow, suppress(ConnectionResetError):
            say(slow, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            if told := slow.recv(1):
                say(slow, b"GET / HT")
                told += rest(slow)
    assert told.startswith(b"HTTP/1.1 200")
    assert told.count(b"HTTP/1.1 ") == 1


def test_who_does_not_finish_its_body_is_answered_and_cut_off(port):
    begun = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nabc"
    assert answer_to(port, begun).startswith(b"HTTP/1.1 408")


def test_one_address_may_not_have_all_connections(fresh):
    """Of eight, a quarter, however many workers; the others stay for others."""
    _, port = fresh
    with ExitStack() as held:
        for _ in range(2):
            each = held.enter_context(connected(port))
            # Answered, it was counted: else another worker might take the third before it.
            each.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert each.recv(1) == b"H"
        with connected(port) as third:
            say(third, ASKED)
            assert rest(third) == b""


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["both lengths", "two lengths", "negative", "unknown coding", "blank in name", "no host", "two hosts",
         "long header", "TLS"],
)  # fmt: skip
def test_what_two_servers_might_read_differently_is_refused(port, request_):
    """Request smuggling: nothing behind such a request is taken for another one."""
    with connected(port) as connection:
        say(connection, request_)
        answer = rest(connection)

    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"HTTP/1.1 2" not in answer


def poured(connection, begun, piece, most=16_000_000):
    """Send *begun*, then *piece* again and again, until the other end has had enough: what it answered.

    What the buffers of two sockets hold is less than *most*. It may also cut the connection while we write, and its answer with it; then there is none.
    """
    sent = 0
    try:
        connection.sendall(begun)
        while sent < most and not select.select([connection], [], [], 0)[0]:
            connection.sendall(piece)
            sent += len(piece)
    except (BrokenPipeError, ConnectionResetError):
        return b""
    assert sent < most
    return rest(connection)


@pytest.mark.parametrize(
    ("begun", "piece", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-Flood: " + b"a" * 1000 + b"\r\n", (b"400", b"431")),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Flood: ", b"a" * 1000, (b"400", b"431")),
        (b"GET /", b"a" * 1000, (b"400", b"414")),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999999\r\n\r\n", b"a" * 1000, (b"413",)),
        (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"3e8\r\n" + b"a" * 1000 + b"\r\n",
            (b"413",),
        ),
    ],
    ids=["headers", "one header", "address", "body", "chunks"],
)
def test_a_flood_is_refused_before_it_is_read_and_others_are_answered(port, begun, piece, statuses):
    """However much more comes: the first megabytes are never taken."""
    with connected(port) as flood:
        answer = poured(flood, begun, piece)
        assert answer == b"" or answer.split(b" ")[1] in statuses, answer
    assert answer_to(port, ASKED).startswith(b"HTTP/1.1 200")


def test_a_request_that_is_being_answered_is_finished_before_it_stops(fresh):
    """SIGTERM, as systemd sends it."""
    (service, port), answer = fresh, []

    def ask():
        with connected(port) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer.append(rest(connection))

    asking = threading.Thread(target=ask)
    asking.start()
    assert service.stdout.readline() == "begun\n"
    service.terminate()
    service.stdin.write("\n")
    service.stdin.flush()
    asking.join()

    assert answer[0].endswith(b'"done"')
    assert service.stdout.readline() == "left\n"
    assert service.wait(timeout=60) == 0
