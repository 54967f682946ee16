"""`python -m benchmarks.fidelity`: three tables against the reference; needs node, npm and chromium."""

from __future__ import annotations

import argparse

from benchmarks.fidelity import broken
from benchmarks.fidelity.pixels import WIDTHS, Screen
from benchmarks.fidelity.reference import TEMPLATES, Made, Reference
from benchmarks.fidelity.structure import differences
from newsletter.editions.inlining import inline
from newsletter.editions.mjml import MjmlError, to_html
from newsletter.editions.validation import examine


def ours(mjml: str) -> str:
    """The HTML that our pipeline makes of *mjml*, mistakes or not."""
    made = to_html(mjml, lenient=True)
    return inline(made.document, made.css)


def compared(title: str, sources: dict[str, str], reference: Reference, screen: Screen) -> None:
    """Print one table: a line for each document, with what differs in structure and in pixels."""
    print(f"\n## {title}\n")
    print(f"| document | findings | differing | {' | '.join(f'{width} px' for width in WIDTHS)} | kinds |")
    print("| --- | --- | --- |" + " --- |" * len(WIDTHS) + " --- |")
    same = made = 0
    for (name, mjml), theirs in zip(sources.items(), reference.compile(list(sources.values())), strict=True):
        found = len(examine(mjml)[1])
        if theirs.html is None:
            print(f"| {name} | {found} | the reference refuses |{' |' * len(WIDTHS)} {_message(theirs)} |")
            continue
        try:
            html = ours(mjml)
        except MjmlError as error:
            print(f"| {name} | {found} | ours refuses |{' |' * len(WIDTHS)} {error} |")
            continue
        kinds = differences(html, theirs.html)
        drawn = list(screen.compare(html, theirs.html))
        made += 1
        same += not any(share or height for _, share, height in drawn)
        shares = " | ".join(f"{share:.1f}{f' ({height:+})' if height else ''}" for _, share, height in drawn)
        listed = ", ".join(f"{kind} ×{count}" for kind, count in kinds.most_common(6))
        print(f"| {name} | {found} | {kinds.total()} | {shares} | {listed} |")
    print(f"\n{made} of {len(sources)} compiled by both; {same} the same in every pixel at every width.")


def _message(made: Made) -> str:
    return str(made.errors[0]["message"]).splitlines()[0]


def main() -> None:
    """Print what the validators find, then how the templates and the documentation's examples come out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", default=TEMPLATES, help="Git repository of the official templates")
    options = parser.parse_args()
    reference = Reference()
    templates = reference.templates(options.templates)
    broken.report(reference, templates)
    with Screen() as screen:
        compared("Official templates", templates, reference, screen)
        compared("Examples of the documentation", reference.examples(), reference, screen)


if __name__ == "__main__":
    main()
