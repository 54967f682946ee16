"""Large issues: how long each takes to read and compile, against one half as large.

Where all is linear the ratio is 2. In seconds of a processor, since a ratio of waiting tells nothing.
"""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

from newsletter.config import PublicationSettings
from newsletter.editions import compile_issue, load_theme
from newsletter.issues import parse_issue

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLICATION = PublicationSettings(
    name="N", sender="N <n@example.com>", url="https://n.example", postal_address="x"
)
SENTENCE = "The gauge rose by a *hand* and the [keeper](https://example.com/) wrote it down before noon. "


def _blocks(number: int) -> str:
    kinds = ("## Section {0}", "### Story {0}", SENTENCE * 3, "- a\n- b {0}", "> Said {0}", "***")
    return "\n\n".join(kinds[each % len(kinds)].format(each) for each in range(number))


def _images(number: int) -> str:
    return "\n\n".join(f"![Image {each}](https://cdn.example.com/{each}.png)" for each in range(number))


def _table(number: int) -> str:
    rows = "\n".join(f"| {each} | {each * each} | a town |" for each in range(number))
    return f"| a | b | c |\n| --- | --- | --- |\n{rows}"


def _megabyte(number: int) -> str:
    return "\n\n".join([SENTENCE * 6] * (number // (6 * len(SENTENCE) + 2)))


def _tags(number: int) -> str:
    return "\n\n".join('Dear {{ subscriber.first_name | default("you") }},' for _ in range(number))


def _distinct(number: int) -> str:
    tags = (f"Dear {{{{ subscriber.first_name | default('you {each}') }}}}," for each in range(number))
    return "\n\n".join(tags)


def _conditions(number: int) -> str:
    tags = (
        f'{{% if "{each}" in subscriber.tags %}}\n\nTo {each}.\n\n{{% endif %}}' for each in range(number)
    )
    return "\n\n".join(tags)


SIZES: dict[str, tuple[int, Callable[[int], str]]] = {
    "blocks": (200, _blocks),
    "images": (300, _images),
    "rows of a table": (2_000, _table),
    "bytes of paragraphs": (1_000_000, _megabyte),
    "merge tags, all alike": (30_000, _tags),
    "merge tags, all different": (5_000, _distinct),
    "conditions": (1_000, _conditions),
}


def main(rounds: int = 1) -> None:
    """Print a line for each size."""
    theme = load_theme("digest")
    _seconds(theme, _blocks(10))
    for name, (number, written) in SIZES.items():
        half, whole = (
            min(_seconds(theme, written(many)) for _ in range(rounds)) for many in (number // 2, number)
        )
        print(f"size       {number:,} {name}: {whole * 1e3:,.0f} ms, {whole / half:.2f}x one half as large")


def _seconds(theme: object, body: str) -> float:
    issue = parse_issue(f"---\ntitle: T\n---\n{body}\n")
    begun = process_time()
    compile_issue(issue, theme, PUBLICATION)  # type: ignore[arg-type]
    return process_time() - begun


if __name__ == "__main__":
    main(rounds=3)
