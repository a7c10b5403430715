"""Helm releases: of the Kong chart, and of the charts that the deployment needs besides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from . import names
from .args import ChartArgs
from .errors import InputError
from .values.charts import KONG, PinnedChart
from .values.keys import unknown_keys

DEFAULT_TIMEOUT = 600


def kong_release(
    resource_name: str,
    *,
    release_name: str,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any],
    chart: ChartArgs,
    skip_crds: bool,
    opts: pulumi.ResourceOptions,
) -> "kubernetes.helm.v3.Release":
    """A release of the Kong chart.

    Raises:
        InputError: a value key that the pinned chart doesn't have, a release name that is too long, or both a
            path and a repository.
    """
    names.check_release(release_name, f"{resource_name}: release_name")
    return helm_release(
        resource_name,
        pinned=KONG,
        release_name=release_name,
        namespace=namespace,
        values=values,
        chart=chart,
        skip_crds=skip_crds,
        opts=opts,
    )


def helm_release(
    resource_name: str,
    *,
    pinned: PinnedChart,
    release_name: str,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any],
    chart: ChartArgs,
    skip_crds: bool = False,
    opts: pulumi.ResourceOptions,
) -> "kubernetes.helm.v3.Release":
    """A ``helm.v3.Release``: unlike client-side rendering it keeps the certificate that a chart makes for its webhook,
    and runs the chart's hooks.

    Args:
        resource_name: the logical name.
        pinned: the chart, at the version whose keys are known.
        release_name: Helm's name for it.
        namespace: where it is installed.
        values: the chart's values.
        chart: what the user says of the chart and its install.
        skip_crds: leave out what the chart has in its folder `crds`.
        opts: options of the resource.

    Raises:
        InputError: a value key that the pinned chart doesn't have, or both a path and a repository.
    """
    _check_keys(resource_name, values, chart, pinned)
    problems = chart_problems(chart)
    if problems:
        raise InputError("; ".join(problems))
    path = chart.get("path")
    source: dict[str, Any] = {"chart": path}
    if not path:
        source = {
            "chart": pinned.name,
            "version": chart.get("version") or pinned.version,
            "repository_opts": kubernetes.helm.v3.RepositoryOptsArgs(repo=chart.get("repository") or pinned.repository),
        }
    return kubernetes.helm.v3.Release(
        resource_name,
        name=release_name,
        namespace=namespace,
        values=dict(values),
        skip_crds=skip_crds,
        skip_await=not chart.get("wait_for_pods", True),
        timeout=chart.get("timeout_seconds", DEFAULT_TIMEOUT),
        atomic=chart.get("atomic", False),
        cleanup_on_fail=chart.get("cleanup_on_fail", True),
        opts=opts,
        **source,
    )


def chart_problems(chart: ChartArgs, key: str = "chart") -> list[str]:
    """What can't work about the chart and its install, each by the argument's name."""
    problems = []
    path = chart.get("path")
    if path and (chart.get("repository") or chart.get("version")):
        problems.append(f"{key}.path: a local chart has its own version; leave {key}.repository and {key}.version out")
    elif path and not Path(path).exists():
        problems.append(f"{key}.path: {path!r} does not exist; needed: a chart's directory or archive")
    timeout = chart.get("timeout_seconds", DEFAULT_TIMEOUT)
    if timeout < 1:
        problems.append(f"{key}.timeout_seconds: {timeout} is no time to wait; allowed: 1 or more")
    return problems


def _check_keys(resource_name: str, values: Mapping[str, Any], chart: ChartArgs, pinned: PinnedChart) -> None:
    unknown = unknown_keys(values, pinned)
    if not unknown:
        return
    if chart.get("path") or chart.get("version") not in (None, pinned.version):
        where = f"{resource_name}: chart {pinned.name} {pinned.version}"
        pulumi.log.warn(f"{where} has no value {', '.join(unknown)}; yours may")
        return
    raise InputError.of(unknown, f"{resource_name}: values that chart {pinned.name} {pinned.version} doesn't have:")
