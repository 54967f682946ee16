"""Long issues, and issues that hold everything at once, in every theme."""

from __future__ import annotations

import re
import sys

import pytest

from newsletter.config import PublicationSettings
from newsletter.editions import Context, Evaluator, compile_issue, load_theme, render, split, theme_names
from newsletter.issues import parse_issue

PUBLICATION = PublicationSettings(
    name="N", sender="N <n@example.com>", url="https://n.example", postal_address="x"
)
LINKS = {name: f"https://n.example/{name}" for name in ("unsubscribe", "preferences", "web")}

EVERYTHING = """---
title: Everything
toc: true
language: {language}
authors: [{{name: Ann, about: Writes.}}]
---

Lead https://example.com[^a] [1].

## Section

### Story

- [ ] a
- [x] b

> [!WARNING]
> c

[Go](https://example.com/go){{.button}}

https://youtu.be/abcdefghijk

```python
print("{{{{ x }}}}")
```

| a | b | c | d |
|---|---|---|---|
| 1 | 2 | 3 | 4 |

::: cards
### A
a[^b]
### B
b
:::

{{% if subscriber.x %}}
Only some[^c].
{{% endif %}}

## Sources

1. One

[^a]: A
[^b]: B
[^c]: C
"""


def test_250_kilobytes_with_400_links_and_60_images_compile():
    sentence = "The gauge rose by a hand and the keeper wrote it down in his book before noon. "
    stories = [
        f"### Story {n}\n\n{sentence * 6}[link {n}](https://example.com/{n}) and [more {n}](https://example.com/more/{n}).\n"
        for n in range(200)
    ]
    images = [f"![Image {n}](https://cdn.example.com/{n}.png)\n" for n in range(60)]
    body = "\n".join([*stories, *images])
    body += "\n" + sentence * ((250_000 - len(body)) // len(sentence) + 1)
    assert len(body) >= 250_000
    edition = compile_issue(parse_issue(f"---\ntitle: T\n---\n{body}"), load_theme("digest"), PUBLICATION)
    assert len(set(re.findall(r'href="(https://example\.com/[^"]+)"', edition.html))) == 400
    assert edition.html.count("https://cdn.example.com/") == 60
    assert len(re.findall(r"^\[\d+\] https", edition.text, re.MULTILINE)) == 400


@pytest.mark.parametrize("theme", theme_names())
@pytest.mark.parametrize("language", ["en", "de", "ar", "fr"])
@pytest.mark.parametrize("fields", [{}, {"x": True}])
def test_everything_at_once_has_no_broken_anchor_and_no_token_left(theme, language, fields):
    edition = compile_issue(parse_issue(EVERYTHING.format(language=language)), load_theme(theme), PUBLICATION)
    values = Evaluator(edition).values(fields, LINKS)
    html = render(split(edition.html, edition, Context.HTML), values)
    text = render(split(edition.text, edition, Context.TEXT), values)
    ids = re.findall(r'\sid="([^"]+)"', html)
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets <= set(ids)
    assert len(ids) == len(set(ids))
    assert ("note-4" in targets) == bool(fields)
    assert (("[4] C" in text), ("[3] B" in text)) == (bool(fields), True)
    assert edition.nonce not in html + text
    assert html.count("<!--[if") == html.count("<![endif]")
    assert "{{ x }}" in html


def steps_of(body: str) -> int:
    """How many functions are called, Python's own included, to read and compile an issue that says *body*."""
    issue, theme, calls = parse_issue(f"---\ntitle: T\n---\n{body}"), load_theme("digest"), 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        compile_issue(issue, theme, PUBLICATION)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize(
    "block",
    [
        "Dear {{{{ subscriber.first_name | default('you {0}') }}}},",
        "Dear {{{{ issue.slug | default('you {0}') }}}},",
        "Dear {{{{ issue.title }}}},",
        "{{% if 'a{0}' in subscriber.tags %}}\n\nFor a{0}.\n\n{{% endif %}}",
        "A paragraph {0} of some [words](https://example.com/{0}) and *more*.",
        "## Section {0}\n\n### Story {0}\n\nA text.",
        "- item {0}\n- item {0}b\n\ntext",
        "![Image {0}](https://cdn.example.com/{0}.png)",
        "Said[^{0}].\n\n[^{0}]: note {0}",
    ],
)
def test_twice_as_many_blocks_take_no_more_than_twice_the_steps(block):
    """Not counted in seconds; how long a step takes is told by `benchmarks/sizes.py`."""
    _, one, two, four = (  # in the first, much is made once for all
        steps_of("\n\n".join(block.format(number) for number in range(many, 2 * many)))
        for many in (25, 50, 100, 200)
    )

    assert four - two < 2.3 * (two - one)
