"""Which web addresses are videos, recordings and posts, told by host and path alone, without any network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Place:
    """What an address leads to: the ``kind`` of thing, the ``service`` that has it, and whose it is."""

    kind: str
    service: str
    handle: str = ""


@dataclass(frozen=True)
class _Service:
    kind: str
    name: str
    path: re.Pattern[str]


def _service(kind: str, name: str, path: str) -> _Service:
    return _Service(kind, name, re.compile(path))


_YOUTUBE = _service("video", "YouTube", r"/(?:watch|shorts/.+|live/.+|playlist|embed/.+)/?")
_X = _service("post", "X", r"/(?P<handle>\w{1,15})/status/\d+(?:/.*)?")
_SPOTIFY = r"/(?:intl-\w+/)?(?:episode|show|track|album|playlist)/\w+/?"

#: By host, without ``www.``, ``m.`` and ``mobile.``; paths of other kinds, such as profiles, are plain links.
SERVICES = {
    "youtube.com": _YOUTUBE,
    "youtube-nocookie.com": _YOUTUBE,
    "youtu.be": _service("video", "YouTube", r"/[\w-]{6,}/?"),
    "vimeo.com": _service("video", "Vimeo", r"/(?:[\w-]+/)*\d+(?:/\w+)?/?"),
    "player.vimeo.com": _service("video", "Vimeo", r"/video/\d+/?"),
    "dailymotion.com": _service("video", "Dailymotion", r"/video/\w+/?"),
    "twitch.tv": _service("video", "Twitch", r"/videos/\d+/?"),
    "ted.com": _service("video", "TED", r"/talks/\w+/?"),
    "loom.com": _service("video", "Loom", r"/share/\w+/?"),
    "tiktok.com": _service("video", "TikTok", r"/@(?P<handle>[\w.]+)/video/\d+/?"),
    "open.spotify.com": _service("audio", "Spotify", _SPOTIFY),
    "soundcloud.com": _service("audio", "SoundCloud", r"/(?P<handle>[\w-]+)/[\w-]+/?"),
    "podcasts.apple.com": _service("audio", "Apple Podcasts", r"/\w\w/podcast/.+"),
    "x.com": _X,
    "twitter.com": _X,
    "bsky.app": _service("post", "Bluesky", r"/profile/(?P<handle>[\w.:-]+)/post/\w+/?"),
    "threads.net": _service("post", "Threads", r"/@(?P<handle>[\w.]+)/post/[\w-]+/?"),
    "threads.com": _service("post", "Threads", r"/@(?P<handle>[\w.]+)/post/[\w-]+/?"),
    "instagram.com": _service("post", "Instagram", r"/(?:[\w.]+/)?(?:p|reel)/[\w-]+/?"),
    "linkedin.com": _service("post", "LinkedIn", r"/(?:posts|feed/update)/.+"),
}
#: Mastodon runs on thousands of hosts, and its posts have one shape on all of them.
_MASTODON = _service("post", "Mastodon", r"/@(?P<handle>\w+(?:@[\w.-]+)?)/\d{15,}/?")
_PREFIX = re.compile(r"(?:www|m|mobile)\.")


def place_of(url: str) -> Place | None:
    """What *url* leads to, if it is a video, recording or post on a service that is known."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return None
    service = SERVICES.get(_PREFIX.sub("", host, count=1), _MASTODON)
    match = service.path.fullmatch(unquote(parts.path))
    if match is None:
        return None
    handle = match.groupdict().get("handle") or ""
    return Place(service.kind, service.name, f"@{handle}" if handle and ":" not in handle else "")
