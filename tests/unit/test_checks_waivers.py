"""What a publication ignores and an editor waives, with a reason, is not told; what waives nothing is."""

from __future__ import annotations

import pytest

from newsletter.checks import Severity, check_edition
from newsletter.config import ChecksSettings, PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.errors import ConfigError
from newsletter.issues import parse_document, parse_issue
from tests.fakes.publications import BODY, FRONT, SETTINGS

HTTP = "See [the first report](http://example.com/a).\n\nSee [the second one](http://example.com/b)."
DEFINED = "A <dfn>newsletter</dfn> is a letter to many."


def compiled(body: str):
    """An issue with *body*, and its edition."""
    issue = parse_issue(f"---\n{FRONT}\n---\n\n{body}\n", None, "issue")
    return issue, compile_issue(issue, load_theme("digest"), PublicationSettings(**SETTINGS))


def found(body: str, **settings: object) -> list[tuple[str, int | None]]:
    """The rules and lines of what is found in an issue with *body*."""
    issue, edition = compiled(body)
    publication = PublicationSettings(**SETTINGS)
    findings = check_edition(
        issue,
        parse_document(issue),
        edition,
        publication,
        load_theme("digest"),
        settings=ChecksSettings(**settings),
    )
    return [(finding.rule, finding.line) for finding in findings]


class TestWaivers:
    def test_off_counts_for_the_whole_issue(self):
        assert found(f"<!-- check: off link-http because they have no other -->\n\n{HTTP}") == []

    def test_skip_counts_for_the_paragraph_that_follows(self):
        assert found(f"<!-- check: skip link-http because it has no other -->\n\n{HTTP}") == [
            ("link-http", 10)
        ]

    def test_a_waiver_waives_no_other_rule(self):
        body = f"<!-- check: off link-http because they have no other -->\n\n{HTTP} TODO"
        assert found(body) == [("placeholder-text", 10)]

    @pytest.mark.parametrize(
        ("waiver", "rules"),
        [
            ("check: off link-http", [("waiver-reason", 6)]),
            (
                "check: off link-text because I say so",
                [("link-http", 8), ("link-http", 10), ("waiver-unused", 6)],
            ),
            (
                "check: off lnik because I say so",
                [("link-http", 8), ("link-http", 10), ("waiver-unknown", 6)],
            ),
            ("check: ignore link-http", [("link-http", 8), ("link-http", 10), ("waiver-unknown", 6)]),
        ],
    )
    def test_a_waiver_that_is_wrong_is_told(self, waiver, rules):
        assert sorted(found(f"<!-- {waiver} -->\n\n{HTTP}")) == sorted(rules)

    def test_no_reader_gets_a_waiver(self):
        _, plain = compiled(HTTP)
        _, waived = compiled(f"<!-- check: off link-http because they have no other -->\n\n{HTTP}")
        assert "check:" not in waived.html + waived.text
        assert waived.text.replace(waived.nonce, "") == plain.text.replace(plain.nonce, "")

    def test_a_waiver_of_a_rule_that_was_not_asked_is_not_unused(self):
        body = f"<!-- check: off link-dead because it will be there on Monday -->\n\n{BODY}"
        assert found(body) == []

    def test_a_feature_is_waived_by_its_name(self):
        assert found(DEFINED) == [("client-partial", 6)]
        assert (
            found(f"<!-- check: off client-partial:html-dfn because it reads well without -->\n\n{DEFINED}")
            == []
        )


class TestSettings:
    def test_a_rule_is_ignored(self):
        assert found(HTTP, ignore=("link-http",)) == []

    def test_a_feature_is_ignored(self):
        assert found(DEFINED, ignore=("client-partial:html-dfn",)) == []

    def test_a_rule_is_as_bad_as_the_publication_says(self):
        issue, edition = compiled(HTTP)
        publication = PublicationSettings(**SETTINGS)
        settings = ChecksSettings(severity={"link-http": "error"})
        findings = check_edition(issue, parse_document(issue), edition, publication, settings=settings)
        assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.ERROR]

    @pytest.mark.parametrize("settings", [{"ignore": ("lnik-http",)}, {"severity": {"lnik-http": "note"}}])
    def test_an_unknown_rule_is_an_error_that_names_the_nearest(self, settings):
        with pytest.raises(ConfigError, match="lnik-http") as caught:
            found(BODY, **settings)
        assert caught.value.hint == "did you mean `link-http`?"

    def test_findings_about_waivers_can_be_ignored_too(self):
        body = f"<!-- check: off link-text because I say so -->\n\n{BODY}"
        assert found(body, ignore=("waiver-unused",)) == []

    def test_an_unknown_mail_program_is_an_error(self):
        with pytest.raises(ConfigError, match="no mail program") as caught:
            found(BODY, clients=("gmial.ios",))
        assert caught.value.hint == "did you mean `gmail.ios`?"

    def test_only_the_mail_programs_that_matter_count(self):
        assert found(DEFINED, clients=("apple-mail.*",)) == []

    def test_a_limit_is_the_publications(self):
        assert found(BODY, html_bytes=10_000) == [("gmail-clip", None), ("unsubscribe-clipped", None)]
