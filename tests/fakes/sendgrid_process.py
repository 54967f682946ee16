"""The fake of SendGrid as a process of its own, for benchmarks: prints its URL, and ends with its stdin.

Usage: python -m fakes.sendgrid_process [--latency SECONDS] [--certificate FILE]

Requests are kept and answered at once; what was kept is checked at the end, and the last line of stdout is a
JSON object with the numbers of requests, recipients, connections and broken rules.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys

from fakes.sendgrid import sendgrid
from fakes.sendgrid_rules import problems


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--certificate")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    with sendgrid(tls=tls, latency=options.latency, strict=False) as fake:
        print(fake.url, flush=True)
        sys.stdin.read()
        found: dict[str, int] = {}
        recipients: dict[str, int] = {}
        for body in fake.bodies:
            for message, where in problems(body):
                found[f"{where}: {message}"] = found.get(f"{where}: {message}", 0) + 1
            for person in body["personalizations"]:
                address = person["to"][0]["email"]
                recipients[address] = recipients.get(address, 0) + 1
        told = {
            "requests": len(fake.accepted),
            "recipients": sum(recipients.values()),
            "different": len(recipients),
            "connections": fake.connections,
            "problems": found,
        }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
