"""Opens and clicks by the command line: consent, what a send says, and what is never touched."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acceptance.conftest import Letter

SETTINGS = "\n[tracking]\nopens = true\nclicks = true\n"


def tracked(letter: Letter, more: str = "") -> None:
    path = letter.root / "newsletter.toml"
    path.write_text(path.read_text("utf-8") + SETTINGS + more, encoding="utf-8")


def marked(letter: Letter) -> set[str]:
    """Whose messages bear marks."""
    found = set()
    for file in (letter.root / "outbox").rglob("*.eml"):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        text = "".join(message.get_body((kind,)).get_content() for kind in ("html", "plain"))
        found |= (
            {message["To"].addresses[0].addr_spec} if "example.com/c/" in text or "/o/" in text else set()
        )
    return found


def test_by_default_nobody_is_tracked_even_who_agreed(letter: Letter) -> None:
    letter.ok("subscribers", "track", "ann@example.com", "--allow", "--why", "said so")
    done = letter.ok("send", "plain", "--yes")

    assert marked(letter) == set()
    assert "tracked" not in done.err
    assert "opens" not in letter.ok("status", "plain-1", "--json").json


def test_only_who_agreed_is_tracked_and_the_plan_says_what(letter: Letter) -> None:
    tracked(letter)
    letter.ok("subscribers", "track", "ann@example.com", "--allow", "--why", "said so")
    done = letter.ok("send", "plain", "--yes")

    assert marked(letter) == {"ann@example.com"}
    assert "opens and 1 link\n" in done.err, "the same in HTML and text is one"
    assert letter.ok("status", "plain-1", "--json").json["opens"] == {"people": 0, "machines": 0}
    assert "by 0 subscribers, 0 more by machines only" in letter.ok("status", "plain-1").out
    assert letter.ok("report", "plain-1", "--format", "json").json["engagement"]["links"][0] == {
        "place": 1,
        "url": "https://example.com/there",
        "part": "html",
        "people": 0,
        "machines": 0,
    }


def test_an_issue_can_only_lower_what_is_tracked(letter: Letter) -> None:
    path = letter.root / "issues" / "plain.md"
    text = path.read_text("utf-8")
    letter.ok("subscribers", "track", "ann@example.com", "--allow", "--why", "said so")
    path.write_text(text.replace("---\n", "---\ntracking: true\n", 1), encoding="utf-8")
    letter.ok("send", "plain", "--yes")
    assert marked(letter) == set()

    tracked(letter)
    path.write_text(text.replace("---\n", "---\ntracking: false\n", 1), encoding="utf-8")
    letter.ok("send", "plain", "--yes", "--again")
    assert marked(letter) == set()


def test_a_topic_can_be_tracked_otherwise_than_the_rest(letter: Letter) -> None:
    tracked(letter, '[tracking.topics]\nquiet = "off"\n')
    letter.ok("topics", "add", "quiet")
    letter.ok("subscribers", "add", "ann@example.com", "--topic", "quiet")
    letter.ok("subscribers", "track", "ann@example.com", "--allow", "--why", "said so")
    path = letter.root / "issues" / "plain.md"
    path.write_text(path.read_text("utf-8").replace("---\n", "---\ntopic: quiet\n", 1), encoding="utf-8")
    letter.ok("send", "plain", "--all", "--yes")

    assert marked(letter) == set()


def test_test_messages_and_builds_are_never_tracked(letter: Letter) -> None:
    tracked(letter, 'consent = "opt-out"\n')
    letter.ok("test", "plain", "me@example.com", "--as", "ann@example.com")
    built = letter.ok("build", "plain", "--as", "ann@example.com", "--json").json["files"]

    assert marked(letter) == set()
    assert all("/o/" not in (letter.root / file).read_text("utf-8") for file in built)


def test_what_a_person_said_is_shown_logged_and_exported(letter: Letter) -> None:
    refused = letter.run("subscribers", "track", "ann@example.com", "--allow")
    assert (refused.code, refused.lines[0]) == (2, "error: it is not said how the person agreed")
    assert letter.run("subscribers", "track", "ann@example.com").code == 2
    letter.ok("subscribers", "track", "ann@example.com", "--allow", "--why", "Form of May")
    denied = letter.ok("subscribers", "track", "ann@example.com", "--deny", "--json").json

    assert denied == {"email": "ann@example.com", "tracking": "denied", "changed": True}
    shown = letter.ok("subscribers", "show", "ann@example.com", "--json").json
    assert shown["tracking"] == "denied"
    assert [line["kind"] for line in shown["consent"]] == ["imported", "tracking_allowed", "tracking_denied"]
    assert letter.ok("subscribers", "show", "bob@example.org", "--json").json["tracking"] == "unknown"
    assert letter.ok("subscribers", "export", "--of", "ann@example.com").json["tracking"] == "denied"
