"""What the name of a mailbox gives reason to doubt: an office, a throw-away, a slip of the pen."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# A slip of the pen is only looked for in names that are long enough for it to be none by chance.
_SHORTEST_NAME = 5


@dataclass
class Doubts:
    """How many of some addresses are doubtful, and why.

    ``roles`` are read by an office, ``disposable`` may be anybody's in ten minutes; ``typos`` has, for each
    domain that is probably misspelt, the one that was probably meant and the number of addresses.
    """

    roles: int = 0
    disposable: int = 0
    typos: dict[str, tuple[str, int]] = field(default_factory=dict)

    def count(self, keys: Sequence[str]) -> None:
        """Take more addresses into account, in the form by which they are compared."""
        if not keys:
            return
        names, domains = zip(*(key.rsplit("@", 1) for key in keys), strict=True)
        self.roles += sum(map(_known("roles").__contains__, names))
        for domain, count in Counter(domains).items():
            if domain in _known("disposable"):
                self.disposable += count
            elif meant := meant_domain(domain):
                before = self.typos.get(domain, ("", 0))[1]
                self.typos[domain] = (meant, before + count)


def doubts_about(key: str) -> list[str]:
    """Why one address, in the form by which it is compared, is doubtful: half a sentence for each reason."""
    doubts = Doubts()
    doubts.count([key])
    return [
        *(["is read by an office rather than a person"] if doubts.roles else []),
        *(["is at a service of throw-away addresses"] if doubts.disposable else []),
        *(f"may be misspelt: did you mean `{meant}`?" for meant, _ in doubts.typos.values()),
    ]


@lru_cache(maxsize=16_384)
def meant_domain(domain: str) -> str | None:
    """The common domain that was probably meant by *domain*; None if it is common, or like no other."""
    if domain in _known("common") or domain in _known("genuine") or domain in _known("disposable"):
        return None
    name, _, end = domain.rpartition(".")
    mended = f"{name}.{_ends()[end]}" if end in _ends() else domain
    if mended != domain and mended in _known("common") | _known("genuine"):
        return mended
    near = (common for common in _common() if _is_near(mended, common))
    return next(near, None)


def _is_near(domain: str, common: str) -> bool:
    """Whether one letter too many, too few, wrong or swapped with the next is all that differs."""
    if len(common.partition(".")[0]) < _SHORTEST_NAME or abs(len(domain) - len(common)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(domain, common, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, wanted = domain[start:], common[start:]
    return (
        rest[1:] == wanted[1:]
        or rest[1:] == wanted
        or rest == wanted[1:]
        or (rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("mailboxes.toml").read_text(encoding="utf-8"))


@cache
def _known(what: str) -> frozenset[str]:
    return frozenset(_data()[what])


def _common() -> list[str]:
    common: list[str] = _data()["common"]
    return common


def _ends() -> dict[str, str]:
    ends: dict[str, str] = _data()["ends"]
    return ends
