"""What can be set of the readers' web service, and what is no setting."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from newsletter.config.web import WebSettings
from newsletter.web.proxies import trusting


@pytest.mark.parametrize(
    "said",
    [
        {"trusted_proxies": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]},
        {"hosts": ["news.example.com", "*", "::1"]},
        {"rate": "off", "post_rate": "5/minute"},
        {"log": "json"},
    ],
)
def test_what_fits_is_taken(said):
    assert WebSettings(**said)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"trusted_proxies": ["everywhere"]}, "is no network"),
        ({"hosts": ["https://news.example.com"]}, "is no host name"),
        ({"hosts": ["news.example.com/path"]}, "is no host name"),
        ({"rate": "fast"}, "is no rate"),
        ({"post_rate": "0/second"}, "is no rate"),
        ({"connections": 0}, "greater than or equal to 1"),
        ({"log": "xml"}, "json"),
    ],
)
def test_what_does_not_fit_is_told(said, what):
    with pytest.raises(ValidationError, match=what):
        WebSettings(**said)


def test_only_this_machine_is_trusted_unless_more_is_said():
    trusts = trusting(WebSettings().trusted_proxies)

    assert trusts("127.0.0.1")
    assert trusts("::1")
    assert not trusts("10.0.0.1")
    assert not trusts("")
