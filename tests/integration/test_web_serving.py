"""A web service on a real port, in a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from urllib.request import urlopen

import pytest
from fastapi import FastAPI

from newsletter.errors import NewsletterError
from newsletter.web import serve
from newsletter.web.serving import listen

PROGRAM = """
import asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from newsletter.web import serve

app = FastAPI()
stopped = asyncio.Event()

@app.get("/")
def root():
    return "here"

@app.get("/stream")
async def stream():
    async def forever():
        yield "begun"
        await stopped.wait()
        yield "ended"
    return StreamingResponse(forever())

serve(app, port=0, on_ready=lambda url: print(url, flush=True), on_stop=stopped.set)
print("left", flush=True)
"""


@pytest.fixture
def service():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_even_with_an_open_stream(service, sign):
    url = service.stdout.readline().strip()
    with urlopen(f"{url}/stream") as stream:
        assert stream.read(5) == b"begun"
        service.send_signal(sign)
        assert stream.read() == b"ended"

    assert service.stdout.readline() == "left\n"
    assert service.wait(timeout=300) == 0


def test_port_0_takes_a_free_port_and_tells_it_once_it_answers(service):
    url = service.stdout.readline().strip()

    with urlopen(url) as answer:
        assert answer.read() == b'"here"'


def test_an_answer_does_not_wait_for_an_acknowledgement():
    """asyncio sends at once only on sockets that name their protocol; accepted ones are as the listener is."""
    with (
        closing(listen("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
        closing(listener.accept()[0]) as accepted,
    ):
        assert accepted.proto == socket.IPPROTO_TCP


def test_a_taken_port_is_one_line_with_a_hint():
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(NewsletterError) as caught:
        serve(FastAPI(), port=other.getsockname()[1])

    assert "taken" in caught.value.what
    assert "--port" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_here_is_one_line_with_a_hint(host):
    with pytest.raises(NewsletterError) as caught:
        serve(FastAPI(), host=host, port=0)

    assert "--host" in caught.value.hint


SHARED = """
import os, sys
from fastapi import FastAPI
from newsletter.web import serving
from newsletter.web.patience import Patience

serving._MOMENT = 600.0
app = FastAPI()
app.get("/")(lambda: "here")
listener = serving.listen("127.0.0.1", 0)
port = listener.getsockname()[1]
alone, hand = os.pipe()
serving.serve_shared(app, listener, Patience(), lambda: print(port, flush=True), alone)
"""


def test_a_process_among_several_answers_who_was_just_connected_when_it_stops():
    """It takes nobody new, who goes to the others; its own connections are not cut before their request."""
    with subprocess.Popen([sys.executable, "-c", SHARED], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = ("127.0.0.1", int(process.stdout.readline()))
            with closing(HTTPConnection(*address, timeout=300)) as early:
                assert asked(early) == (200, b'"here"')
                process.send_signal(signal.SIGTERM)
                while not refuses(address):
                    pass
                assert asked(early) == (200, b'"here"')
        finally:
            process.kill()


def asked(connection):
    """The answer, read whole: what is left of it would be taken for the next one."""
    connection.request("GET", "/")
    answer = connection.getresponse()
    return answer.status, answer.read()


def refuses(address):
    try:
        socket.create_connection(address, timeout=300).close()
    except (ConnectionRefusedError, ConnectionResetError):  # the latter just as the listener closes
        return True
    return False
