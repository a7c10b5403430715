"""What the kong chart refuses to render, or renders into something else than was written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..context import Context
from ..model import Hit, rule
from ..unknown import known

_HELPERS = "Kong/charts charts/kong/templates/_helpers.tpl"
_LONGEST_RELEASE = 34
_OWN_VOLUMES = ("admin-api-cert", "webhook-cert", "admin-client-ca")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@rule(
    "hygiene-release-name",
    "error",
    "A release's name is too long for the chart",
    effect="The chart adds up to 29 characters after its cut at 63: Services and Jobs get names that Kubernetes "
    "refuses.",
    fix=f"Keep the release's name to {_LONGEST_RELEASE} characters.",
    source=f"{_HELPERS} (kong.fullname)",
    scope="object",
)
def _release_name(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        if len(release.name) > _LONGEST_RELEASE and not release.values.text("fullnameOverride"):
            yield Hit(context.ident(release), f"it has {len(release.name)} characters")


@rule(
    "hygiene-image-version",
    "error",
    "The gateway's image tag is no version",
    effect="The chart decides by version, and fails to render with another tag.",
    fix="Set image.tag to a version, or image.effectiveSemver beside it; a digest goes into image.unifiedRepoTag.",
    source=f"{_HELPERS} (kong.effectiveVersion)",
    scope="object",
)
def _image_version(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        if release.gateway and release.image.version is None and known(release.image.tag):
            yield Hit(context.ident(release), f"image.tag is {release.image.tag!r}")


@rule(
    "hygiene-env-number",
    "error",
    "A number in env is rendered in scientific notation",
    effect="Helm turns YAML numbers into floats, 16777216 into 1.6777216e+07: Kong refuses to start or reads another "
    "number.",
    fix="Put the number in quotes.",
    source=f"{_HELPERS} (kong.env)",
    scope="object",
)
def _number(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        for key, value in release.values.map("env").items():
            rendered = release.env.get(f"KONG_{key.upper()}")
            if isinstance(value, (int, float)) and not isinstance(value, bool) and "e" in str(rendered):
                yield Hit(context.ident(release), f"env.{key}: {value} becomes {rendered}")


@rule(
    "hygiene-env-boolean",
    "error",
    "A boolean in env stands where nginx or the chart wants a word",
    effect='Booleans are rendered as "true" and "false": nginx takes "on" and "off" and refuses to start; for a key '
    "with _log in it the chart itself fails to render.",
    fix='Write "on" or "off", in quotes.',
    source=f"{_HELPERS} (kong.env)",
    scope="object",
)
def _boolean(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        for key, value in release.values.map("env").items():
            if isinstance(value, bool) and ("_log" in key or key.lower().startswith("nginx_")):
                yield Hit(context.ident(release), f"env.{key} is the boolean {str(value).lower()}")


@rule(
    "hygiene-budget-of-one",
    "error",
    "A disruption budget for a single replica",
    effect="The chart refuses to render it: the budget would block every drain.",
    fix="Ask for two replicas or more, or leave the budget out.",
    source="Kong/charts charts/kong/templates/pdb.yaml",
    scope="object",
)
def _budget_of_one(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        if release.values.on("podDisruptionBudget.enabled") and release.replicas == 1:
            yield Hit(context.ident(release), "podDisruptionBudget.enabled, and one replica is asked for")


@rule(
    "hygiene-volume-name",
    "error",
    "A name in secretVolumes can't be a volume's name",
    effect="The Secret's name is the volume's name too: Kubernetes refuses dots in it, and a name that the chart uses "
    "itself is there twice.",
    fix="Use a Secret whose name is a DNS label, or mount it by extraSecrets and userDefinedVolumes.",
    source=f"{_HELPERS} (kong.volumes)",
    scope="object",
)
def _volume_name(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        for name in release.values.get("secretVolumes") or ():
            if known(name) and (not _LABEL.fullmatch(str(name)) or name in _OWN_VOLUMES):
                yield Hit(context.ident(release), f"secretVolumes has {name}")


@rule(
    "database-subchart",
    "error",
    "The chart's own Postgres is switched on without an image",
    effect="The chart refuses to render: the images it was made for are gone.",
    fix="Use an external Postgres, or set postgresql.image.repository and tag.",
    source="Kong/charts charts/kong/templates/_helpers.tpl; charts/kong/UPGRADE.md",
    scope="object",
)
def _subchart(context: Context) -> Iterator[Hit]:
    for release in context.releases:
        if release.values.on("postgresql.enabled") and not (
            release.values.text("postgresql.image.repository") and release.values.text("postgresql.image.tag")
        ):
            yield Hit(context.ident(release), "postgresql.enabled, and postgresql.image isn't set")
