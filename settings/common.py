"""Shapes that several sections of the configuration have."""

from typing import Any

from pydantic import Field

from .model import Model, in_hours


class Chart(Model):
    """A chart, and how it is installed."""

    version: str | None = None
    repository: str | None = None
    path: str | None = None
    wait_for_pods: bool | None = None
    timeout_seconds: int | None = None
    atomic: bool | None = None
    cleanup_on_fail: bool | None = None


class AuthorityIssuer(Model):
    """An issuer of the user's own that a generation is."""

    name: str
    kind: str | None = None
    group: str | None = None
    trust_pem: str


class Authority(Model):
    """A CA and its generations."""

    generations: list[str] | None = None
    issuing: str | None = None
    validity_days: int | None = Field(default=None, ge=1, le=36500)
    successor_days: int | None = Field(default=None, ge=1, le=36500)
    intermediate: bool | None = None
    skip_steps: bool | None = None
    issuers: dict[str, AuthorityIssuer] | None = None
    kept_in_state: list[str] | None = None

    def arguments(self) -> dict[str, Any]:
        """As given, lifetimes in hours."""
        return in_hours(super().arguments())


class KeyedAuthority(Authority):
    """A CA whose kind of key can be chosen."""

    key: str | None = None


class Leaf(Model):
    """Lifetime and keys of certificates."""

    validity_days: int | None = Field(default=None, ge=1, le=36500)
    early_renewal_days: int | None = Field(default=None, ge=0, le=36500)
    key_generation: str | None = None

    def arguments(self) -> dict[str, Any]:
        """As given, lifetimes in hours."""
        return in_hours(super().arguments())
