"""A publication: its folder, its settings, and the places derived from them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from newsletter.config.settings import Settings
from newsletter.errors import ConfigError

#: The file that makes a folder a publication.
FILE_NAME = "newsletter.toml"


@dataclass(frozen=True)
class Publication:
    """A folder with ``newsletter.toml``, its settings, and the places derived from them."""

    root: Path
    settings: Settings

    @property
    def issues(self) -> Path:
        """The folder of issue files."""
        return self.root / "issues"

    @property
    def themes(self) -> Path:
        """The folder of the publication's own themes; it need not exist."""
        return self.root / "themes"

    @property
    def media(self) -> Path:
        """The folder of published images, named by their content; what was mailed refers to them for ever."""
        return self.root / "media"

    @property
    def outbox(self) -> Path:
        """The folder into which the outbox provider writes."""
        return self.root / self.settings.outbox.path

    @property
    def reports(self) -> Path | None:
        """The folder in which each dispatch has its report, if one is to be kept."""
        name = self.settings.delivery.reports
        return self.root / name if name else None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database, a relative SQLite path made absolute."""
        url = self.settings.database.url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix + ":memory:":
            return prefix + str(self.root / url.removeprefix(prefix))
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)

    def secret(self, file: str | None, variable: str, *, what: str) -> SecretStr:
        """Read a secret from *file* (relative to the publication) or from the environment *variable*.

        Raises:
            ConfigError: neither is there, or the file cannot be read.
        """
        if file:
            path = self.root / file
            try:
                return SecretStr(path.read_text(encoding="utf-8").strip())
            except OSError as error:
                raise ConfigError(
                    f"{what} cannot be read: {error.strerror}",
                    where=str(path),
                    hint="correct the path in newsletter.toml",
                ) from error
        if value := os.environ.get(variable, "").strip():
            return SecretStr(value)
        raise ConfigError(
            f"{what} is not set",
            where=FILE_NAME,
            hint=f"set the environment variable {variable}, or name a file that holds it",
        )
