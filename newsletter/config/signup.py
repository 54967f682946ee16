"""What can be set of how readers join: the form, the confirmation, and what is kept of a sign-up."""

from __future__ import annotations

from pydantic import Field

from newsletter.config.values import Section


class SignupSettings(Section):
    """How readers join, and the links that they have mailed to themselves: docs/readers.md."""

    enabled: bool = True
    double_opt_in: bool = True
    consent: str = ""
    consent_version: str = ""
    topics: tuple[str, ...] = ()
    names: bool = True
    store_ip: bool = True
    confirm_days: int = Field(default=7, ge=1, le=90)
    link_hours: int = Field(default=24, ge=1, le=168)
    repeat_hours: int = Field(default=24, ge=1, le=720)
    per_address: int = Field(default=3, ge=1)
    per_network: int = Field(default=20, ge=1)
    per_hour: int = Field(default=1000, ge=1)
    proof_of_work: int = Field(default=50_000, ge=0, le=10_000_000)
    form_seconds: int = Field(default=2, ge=0, le=60)
