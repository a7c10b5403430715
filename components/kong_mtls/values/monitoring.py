"""Metrics of the releases beside Kong, for the Prometheus operator."""

from collections.abc import Mapping
from typing import Any, TypedDict

from typing_extensions import NotRequired


class MonitoringArgs(TypedDict):
    """Metrics."""

    metrics: NotRequired[bool]
    """Serve metrics; default true."""
    service_monitor: NotRequired[bool]
    """Make a ServiceMonitor, whose kind the Prometheus operator must have brought; default false."""
    labels: NotRequired[Mapping[str, str]]
    """Labels by which your Prometheus selects its ServiceMonitors."""


def wants_metrics(monitoring: MonitoringArgs) -> bool:
    """Whether metrics are served."""
    return bool(monitoring.get("metrics", True))


def monitor_values(monitoring: MonitoringArgs) -> dict[str, Any]:
    """The charts' `servicemonitor`, which has the same keys in all of them."""
    values: dict[str, Any] = {"enabled": bool(monitoring.get("service_monitor", False))}
    if monitoring.get("labels"):
        values["labels"] = dict(monitoring["labels"])
    return values


def service_values(monitoring: MonitoringArgs) -> dict[str, Any]:
    """The Service that serves metrics, in the charts of trust-manager and approver-policy."""
    return {"enabled": wants_metrics(monitoring), "servicemonitor": monitor_values(monitoring)}


def monitoring_problems(monitoring: MonitoringArgs) -> list[str]:
    """What can't work, by the argument's name."""
    if monitoring.get("service_monitor") and not wants_metrics(monitoring):
        return ["monitoring.service_monitor: there is nothing to monitor while monitoring.metrics is false"]
    return []
