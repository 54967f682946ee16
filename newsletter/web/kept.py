"""Answers that caches may keep: known again by ETag and date, and compressed once."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from fastapi.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

#: A shorter body is sent as it is: it fits into one packet anyway.
WORTH_COMPRESSING = 1000


@dataclass(frozen=True)
class Kept:
    """A body that anybody may see and keep. Nothing of one reader may be in it: caches are shared.

    ``modified`` is when what it says was last changed, ``fresh`` for how many seconds it need not be asked
    for again. ``language`` is the one that was chosen for who asks; empty if all get the same.
    """

    body: bytes
    media_type: str = "text/html; charset=utf-8"
    modified: datetime | None = None
    fresh: int = 300
    language: str = ""

    @cached_property
    def etag(self) -> str:
        """The entity tag (RFC 9110 section 8.8.3), different for different bodies."""
        return f'"{sha256(self.body).hexdigest()[:32]}"'

    def answer(self, request: Request, headers: Mapping[str, str] | None = None) -> Response:
        """The answer to *request*: whole, compressed, or 304 if it is known (RFC 9110 section 13.2.2)."""
        compressed = len(self.body) >= WORTH_COMPRESSING and takes_gzip(
            request.headers.get("accept-encoding", "")
        )
        etag = f'{self.etag[:-1]}-gzip"' if compressed else self.etag
        fields = {
            "etag": etag,
            "cache-control": f"public, max-age={self.fresh}",
            "vary": "accept-encoding, accept-language" if self.language else "accept-encoding",
            **({"content-language": self.language} if self.language else {}),
            **({"last-modified": format_datetime(self.modified, usegmt=True)} if self.modified else {}),
            **(headers or {}),
        }
        if self._is_known(request):
            return Response(status_code=304, headers=fields)
        if compressed:
            fields["content-encoding"] = "gzip"
            return Response(_compressed(self.body), headers=fields, media_type=self.media_type)
        return Response(self.body, headers=fields, media_type=self.media_type)

    def _is_known(self, request: Request) -> bool:
        known = request.headers.get("if-none-match")
        if known is not None:
            tags = {tag.strip().removeprefix("W/").replace('-gzip"', '"') for tag in known.split(",")}
            return self.etag in tags or known.strip() == "*"
        since = _moment(request.headers.get("if-modified-since", ""))
        return (
            since is not None and self.modified is not None and self.modified.replace(microsecond=0) <= since
        )


@lru_cache(maxsize=256)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


@lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding names gzip, and not with the weight nought (RFC 9110 section 12.5.3)."""
    for element in accepted.lower().split(","):
        coding, _, weight = (part.strip() for part in element.partition(";"))
        if coding == "gzip":
            value = weight.removeprefix("q=").strip()
            return value.strip("0.") != "" or not value
    return False


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
