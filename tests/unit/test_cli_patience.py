"""What is said of a search that takes long."""

from __future__ import annotations

from threading import Event

from newsletter.cli import output, patience


def test_what_is_said_meanwhile_is_never_said_after_the_end(monkeypatch):
    """However long it takes to say it."""
    said, saying, ended = [], Event(), Event()

    def say(text):
        if text.startswith("still"):
            saying.set()
            ended.wait(0.2)  # which nothing ends, unless it is not waited for
        else:
            ended.set()
        said.append(text.split(" ")[0])

    monkeypatch.setattr(output, "say", say)
    monkeypatch.setattr(patience, "PATIENCE", 0)
    with patience.looking(None, None):
        assert saying.wait(300)

    assert said == ["still", "this"]
