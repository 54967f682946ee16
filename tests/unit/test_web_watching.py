"""What is told of requests: enough to run a service, and nothing of anybody."""

from __future__ import annotations

import io
import json
import logging

import pytest
from fastapi import FastAPI
from webclient import WebClient

from newsletter.web.metrics import Metrics
from newsletter.web.watching import JsonLines, Log, Watch

TOKEN = "vVekPFtCK-XDvPgdinEcxA.q-Prjvf92sK2coY0nkoWZw"


class Service:
    """An application behind a watch."""

    def __init__(self, style="json", *, clients=False):
        app = FastAPI()

        @app.get("/unsubscribe/{token}")
        def page(token: str):
            return {"token": token}

        @app.get("/broken/{address}")
        def broken(address: str):
            raise RuntimeError(f"{address} cannot be found with {TOKEN}")

        self.lines, self.metrics = io.StringIO(), Metrics()
        app.add_middleware(Watch, log=Log(style, clients, self.lines).write, metrics=self.metrics)
        self.client = WebClient(app)


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_of_the_log_has_the_route_and_never_the_token(style):
    service = Service(style)
    answer = service.client.get(f"/unsubscribe/{TOKEN}?q=ada@example.com", headers={"user-agent": "ada"})
    line = service.lines.getvalue()

    assert answer.status_code == 200
    assert "/unsubscribe/{token}" in line
    assert answer.headers["x-request-id"] in line
    for secret in (TOKEN, "example.com", "127.0.0.1", "ada"):
        assert secret not in line
    if style == "json":
        told = json.loads(line)
        assert (told["method"], told["status"]) == ("GET", 200)
        assert told.keys() == {"at", "id", "method", "route", "status", "ms"}


def test_a_path_that_no_route_knows_is_not_told():
    service = Service()
    service.client.get(f"/elsewhere/{TOKEN}")
    service.client.request("ADA@EXAMPLE", "/elsewhere")

    told = [json.loads(line) for line in service.lines.getvalue().splitlines()]
    assert [each["route"] for each in told] == ["-", "-"]
    assert told[1]["method"] == "OTHER"
    assert TOKEN not in service.metrics.text()


def test_the_address_of_a_client_is_told_only_when_asked():
    service = Service(clients=True)
    service.client.get("/unsubscribe/x")

    assert json.loads(service.lines.getvalue())["client"] == "127.0.0.1"


def test_a_failure_shows_no_inside_to_the_reader_nor_to_the_log(caplog):
    service = Service()
    with caplog.at_level(logging.DEBUG):
        answer = service.client.get("/broken/ada@example.com")

    assert answer.status_code == 500
    assert json.loads(service.lines.getvalue())["status"] == 500
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("newsletter"))
    assert "RuntimeError at test_web_watching.py" in ours
    for told in (answer.text, ours, service.lines.getvalue()):
        assert TOKEN not in told
        assert "ada@" not in told
    assert not [record for record in caplog.records if record.exc_info]


def test_numbers_are_in_the_format_of_prometheus():
    service = Service()
    for _ in range(3):
        service.client.get(f"/unsubscribe/{TOKEN}")
    text = service.metrics.text()

    assert 'newsletter_http_requests_total{method="GET",route="/unsubscribe/{token}",status="200"} 3' in text
    assert 'newsletter_http_request_seconds_bucket{route="/unsubscribe/{token}",le="+Inf"} 3' in text
    assert 'newsletter_http_request_seconds_count{route="/unsubscribe/{token}"} 3' in text
    assert "newsletter_http_requests_in_flight 0" in text
    buckets = [int(line.rpartition(" ")[2]) for line in text.splitlines() if "_bucket{" in line]
    assert buckets == sorted(buckets)


def test_a_warning_is_one_line_of_json_too():
    record = logging.LogRecord(
        "newsletter.public.hooks", logging.WARNING, "", 0, "%s\n“twice”", ("once",), None
    )
    line = JsonLines().format(record)

    assert "\n" not in line
    assert {name: json.loads(line)[name] for name in ("level", "from", "text")} == {
        "level": "warning",
        "from": "newsletter.public.hooks",
        "text": "once\n“twice”",
    }
