"""`newsletter check` and `rules` as an editor and CI call them, and the gate before `send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Letter

LINK = "https://example.com/there"


def changed(letter: Letter, before: str, after: str) -> None:
    """Let the issue `plain` say *after* instead of *before*."""
    path = letter.root / "issues" / "plain.md"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def configured(letter: Letter, settings: str) -> None:
    """Let the publication have a section ``[checks]`` with *settings*."""
    path = letter.root / "newsletter.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n[checks]\n{settings}\n", encoding="utf-8")


def test_a_publication_makes_a_warning_an_error_that_stops_a_send(letter: Letter) -> None:
    """The gate has the findings of `newsletter check`."""
    changed(letter, LINK, "http://example.com/there")
    assert letter.run("check", "plain").code == 0
    configured(letter, 'severity = { "link-http" = "error" }')

    assert letter.run("check", "plain").code == 4
    sent = letter.run("send", "plain", "--all", "--yes")
    assert sent.code == 4
    assert "[link-http]" in sent.err
    assert not (letter.root / "outbox").exists()


@pytest.mark.parametrize("asked", [(), ("--provider", "smtp")])
def test_links_to_this_machine_stop_a_send_to_the_world(letter: Letter, asked: tuple[str, ...]) -> None:
    """Nobody could leave; a relay on this machine may be one for trying, and is warned of."""
    letter.environment["NEWSLETTER_PUBLICATION__URL"] = "http://127.0.0.1:8000"
    letter.environment["NEWSLETTER_DELIVERY__PROVIDER"] = "outbox" if asked else "smtp"
    letter.environment["NEWSLETTER_SMTP__HOST"] = "smtp.example.com"
    stopped = letter.run("send", "plain", "--all", "--yes", *asked)

    assert stopped.code == 4
    assert "newsletter.toml: the links for readers lead to http://127.0.0.1:8000" in stopped.err
    assert 'set `url = "https://…"`' in stopped.err
    letter.environment["NEWSLETTER_SMTP__HOST"] = "localhost"
    told = letter.ok("send", "plain", "--all", "--dry-run", *asked).err
    assert "[unsubscribe-local]" in told


def test_warnings_are_told_in_words_before_a_send(letter: Letter) -> None:
    """Who answers a question should know what it is about."""
    changed(letter, LINK, "http://example.com/there")

    told = letter.run("send", "plain", "--all", "--dry-run")

    assert "[link-http]" in told.err


@pytest.mark.parametrize(("line", "near"), [("segment: german-bilders", "german-builders"), ("topic: x", "")])
def test_whom_nobody_is_is_told_before_a_send_refuses_it(letter: Letter, line: str, near: str) -> None:
    changed(letter, "segment: everybody", line)

    told = letter.ok("check", "plain").err

    assert f"plain.md:5: the list has no {line.replace(': ', ' `')}`" in told
    assert near in told


def test_a_waived_error_stops_nothing(letter: Letter) -> None:
    """The editor has said why."""
    changed(letter, LINK, "#")
    assert letter.run("send", "plain", "--all", "--yes").code == 4
    changed(letter, "](#)", "](#)\n\n<!-- check: off link-empty because it is filled in later -->\n\n")

    assert letter.ok("check", "plain", "--format", "json").json == {"findings": []}
    assert letter.run("send", "plain", "--all", "--yes").code != 4


def test_an_unknown_rule_in_the_settings_is_told(letter: Letter) -> None:
    """With the nearest that exists, and the exit code of configuration."""
    configured(letter, 'ignore = ["lnik-http"]')
    told = letter.run("check", "plain")

    assert told.code == 3
    assert "did you mean `link-http`?" in told.err


def test_online_never_asks_this_machine(letter: Letter) -> None:
    """A draft that names an address of this network learns nothing of it."""
    changed(letter, LINK, "http://127.0.0.1:9/there")
    told = letter.run("check", "plain", "--online", "--format", "json")

    assert {finding["rule"] for finding in told.json["findings"]} == {"link-local", "link-private"}


def test_a_rule_tells_itself(letter: Letter) -> None:
    """Reason, both examples, source, and how to waive it."""
    told = letter.ok("rules", "link-http").out

    for part in ("wrong:", "right:", "source: https://", "<!-- check: off link-http because … -->"):
        assert part in told
    assert len(letter.ok("rules", "--json").json["rules"]) > 100
    assert letter.run("rules", "lnik-http").code == 2


def test_several_issues_are_one_run(letter: Letter) -> None:
    """One document for all of them, and one exit code."""
    text = (letter.root / "issues" / "plain.md").read_text(encoding="utf-8")
    for name in ("one", "two"):
        (letter.root / "issues" / f"{name}.md").write_text(text.replace(LINK, "#"), encoding="utf-8")
    told = letter.run("check", "one", "plain", "two", "--format", "json")

    assert [finding["file"].rpartition("/")[2] for finding in told.json["findings"]] == ["one.md", "two.md"]
    assert told.code == 4


def test_a_finding_is_told_as_the_working_directory_calls_its_file(letter: Letter) -> None:
    """Also one about the settings, and from another folder; code hosts get what is relative to there, too."""
    changed(letter, LINK, "#")
    path = letter.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("postal_address", "#"), encoding="utf-8")
    files = {}
    for folder in (letter.root, letter.root / "issues", letter.root.parent):
        told = letter.run("check", "plain", cwd=folder).out.splitlines()
        files[folder.name] = sorted(line.partition(": ")[0] for line in told)
    sarif = letter.run("check", "plain", "--format", "sarif", cwd=letter.root.parent).json["runs"][0]
    found = [each["locations"][0]["physicalLocation"]["artifactLocation"] for each in sarif["results"]]

    assert files == {
        "letter": ["issues/plain.md:14", "newsletter.toml"],
        "issues": ["../newsletter.toml", "plain.md:14"],
        letter.root.parent.name: ["letter/issues/plain.md:14", "letter/newsletter.toml"],
    }
    assert [(each["uri"], each["uriBaseId"]) for each in found] == [
        ("letter/issues/plain.md", "SRCROOT"),
        ("letter/newsletter.toml", "SRCROOT"),
    ]
