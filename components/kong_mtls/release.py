"""A Helm release of the Kong chart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from . import names
from .args import ChartArgs
from .errors import InputError
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
) -> kubernetes.helm.v3.Release:
    """A ``helm.v3.Release``: unlike client-side rendering it keeps the webhook certificate the chart makes, and runs
    the migration Jobs around an upgrade.

    Raises:
        InputError: a value key that the pinned chart doesn't have, a release name that is too long, or both a
            path and a repository.
    """
    names.check_release(release_name, f"{resource_name}: release_name")
    _check_keys(resource_name, values, chart)
    problems = chart_problems(chart)
    if problems:
        raise InputError("; ".join(problems))
    path = chart.get("path")
    source: dict[str, Any] = {"chart": path}
    if not path:
        repository = chart.get("repository") or names.CHART_REPOSITORY
        source = {
            "chart": names.CHART,
            "version": chart.get("version") or names.CHART_VERSION,
            "repository_opts": kubernetes.helm.v3.RepositoryOptsArgs(repo=repository),
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


def chart_problems(chart: ChartArgs) -> list[str]:
    """What can't work about the chart and its install, each by the argument's name."""
    problems = []
    path = chart.get("path")
    if path and (chart.get("repository") or chart.get("version")):
        problems.append("chart.path: a local chart has its own version; leave chart.repository and chart.version out")
    elif path and not Path(path).exists():
        problems.append(f"chart.path: {path!r} does not exist; needed: a chart's directory or archive")
    timeout = chart.get("timeout_seconds", DEFAULT_TIMEOUT)
    if timeout < 1:
        problems.append(f"chart.timeout_seconds: {timeout} is no time to wait; allowed: 1 or more")
    return problems


def _check_keys(resource_name: str, values: Mapping[str, Any], chart: ChartArgs) -> None:
    unknown = unknown_keys(values)
    if not unknown:
        return
    if chart.get("path") or chart.get("version") not in (None, names.CHART_VERSION):
        pulumi.log.warn(f"{resource_name}: chart {names.CHART_VERSION} has no value {', '.join(unknown)}; yours may")
        return
    raise InputError.of(
        unknown, f"{resource_name}: values that chart {names.CHART} {names.CHART_VERSION} doesn't have:"
    )
