"""Client support by ours, npm's caniemail and Mailpit's published rules, on the same HTML: who misses what.

`python -m benchmarks.support [MAILPIT]` needs node and npm; the package goes into `build/peers`. MAILPIT is a
checkout of Mailpit's source, whose rules are read from ``internal/htmlcheck/config.go``; without it, Mailpit
is left out. The documents are the snippets of `benchmarks.traps`, and the example issue whole.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import html as lxml_html

from benchmarks.peers import installed
from benchmarks.traps import TRAPS
from newsletter.checks.features import features_used
from newsletter.checks.stylesheets import read_css
from newsletter.checks.support import chosen, features, known_clients
from newsletter.config import ChecksSettings, load_publication
from newsletter.editions import press, read_elements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ai-news-digest"
CLIENTS = sorted(key for key in known_clients() if chosen(key, ChecksSettings().clients))


def main() -> None:
    """Print the table, and what others find in the example issue that ours does not."""
    publication = load_publication(EXAMPLE)
    example = press(publication, publication.issues / "2026-04-11.md").edition.html
    documents = [trap.html for trap in TRAPS] + [example]
    found: dict[str, list[set[str]]] = {"ours": [ours(each) for each in documents], "npm": npm(documents)}
    if len(sys.argv) > 1:
        rules = Mailpit(Path(sys.argv[1]))
        found["Mailpit"] = [rules.found(each) for each in documents]
    show(found)


def show(found: dict[str, list[set[str]]]) -> None:
    """The traps as a table in Markdown, sums below it, and the example issue."""
    names = list(found)
    print(f"| what is in it | {' | '.join(names)} |\n| --- | {' | '.join('---' for _ in names)} |")
    sums = {name: [0, 0, 0] for name in names}
    for number, trap in enumerate(TRAPS):
        cells = []
        for name in names:
            told = found[name][number]
            missed, false = troublesome(trap.uses) - told, trap.not_used & told
            for place, some in enumerate((trap.uses & told, missed, false)):
                sums[name][place] += len(some)
            words = [f"misses {_short(missed)}"] * bool(missed) + [f"false: {_short(false)}"] * bool(false)
            cells.append("; ".join(words) or "right")
        print(f"| {trap.about} | {' | '.join(cells)} |")
    for place, what in enumerate(("found", "missed", "raised falsely")):
        print(f"| **{what}** | {' | '.join(str(sums[name][place]) for name in names)} |")
    mine = found["ours"][-1]
    known_false = {slug for trap in TRAPS for slug in trap.not_used}
    print(f"\nthe example issue: ours finds {len(mine)} features that some mail program lacks")
    for name in names[1:]:
        theirs = found[name][-1]
        missed, false = theirs - mine - known_false, (theirs - mine) & known_false
        print(f"{name} finds {len(theirs)}; ours misses {_short(missed)}; falsely, as above: {_short(false)}")


def troublesome(slugs: set[str] | frozenset[str]) -> set[str]:
    """Those features that a mail program of `CLIENTS` supports in part or not at all."""
    return {
        slug
        for slug in slugs
        if slug in features() and any(features()[slug].with_status(status, CLIENTS) for status in "na")
    }


def ours(html: str) -> set[str]:
    """What ours finds, nothing subtracted."""
    return troublesome({use.slug for use in features_used(html, read_elements(html))})


def npm(documents: Sequence[str]) -> list[set[str]]:
    """What npm's caniemail finds in each document."""
    packages = installed("caniemail@2.0.2")
    done = subprocess.run(
        ["node", str(Path(__file__).with_suffix(".mjs")), str(packages)],
        input=json.dumps({"documents": documents, "clients": CLIENTS}),
        capture_output=True,
        text=True,
        check=True,
    )
    by_title = {feature.title: slug for slug, feature in features().items()}
    answers = json.loads(done.stdout)
    crashes = {
        (client, message) for answer in answers for client, title, message in answer if title == "crash"
    }
    for client, message in sorted(crashes):
        print(f"npm crashes for {client}: {message}", file=sys.stderr)
    return [
        {by_title[title.strip()] for _, title, _ in answer if title.strip() in by_title} for answer in answers
    ]


class Mailpit:
    """Mailpit's rules, read from its source: expressions over styles and addresses, and selectors.

    Args:
        checkout: its source.
    """

    def __init__(self, checkout: Path) -> None:
        source = (checkout / "internal" / "htmlcheck" / "config.go").read_text(encoding="utf-8")
        self._tables = {
            match[1]: self._table(match[0])
            for match in re.finditer(
                r"^var (\w+) = map\[string\][^\n]*\{.*?^\}", source, re.DOTALL | re.MULTILINE
            )
        }

    @staticmethod
    def _table(text: str) -> dict[str, str]:
        rows = re.findall(
            r'^\s*"([\w-]+)":\s*(?:regexp\.MustCompile\(`([^`]*)`\)|"((?:[^"\\]|\\.)*)")', text, re.MULTILINE
        )
        return {slug: pattern or selector.replace('\\"', '"') for slug, pattern, selector in rows}

    def found(self, html: str) -> set[str]:
        """What its rules find: styles merged into elements, as it does, and style elements as they are."""
        document = lxml_html.document_fromstring(html)
        css = "\n".join(document.xpath("//style/text()"))
        outside = [part for part in read_css(css) if part.kind == "declaration" and part.depth == 1]
        styles = "; ".join([*document.xpath("//@style"), *(f"{part.name}: {part.value}" for part in outside)])
        tests: dict[str, Callable[[str, str], bool]] = {
            "htmlTests": lambda _, selector: any(document.cssselect(each) for each in selector.split(", ")),
            "imageRegexpTests": lambda _, pattern: any(
                _go(pattern).search(src) for src in document.xpath("//img/@src")
            ),
            "styleInlineAttributes": lambda _, selector: bool(document.cssselect(selector)),
            "cssInlineRegexTests": lambda _, pattern: _go(pattern).search(styles) is not None,
            "cssRegexpUnitTests": lambda _, pattern: _go(pattern).search(styles) is not None,
            "cssRegexpTests": lambda _, pattern: _go(pattern).search(css) is not None,
        }
        return troublesome(
            {
                slug
                for table, test in tests.items()
                for slug, what in self._tables.get(table, {}).items()
                if test(slug, what)
            }
        )


def _go(pattern: str) -> re.Pattern[str]:
    """An expression of Go, whose flags may stand anywhere, as Python's."""
    return re.compile(re.sub(r"\(\?[mi]+\)", "", pattern), re.IGNORECASE | re.MULTILINE)


def _short(slugs: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(slugs)) or "nothing"


if __name__ == "__main__":
    main()
