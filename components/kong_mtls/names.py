"""Every computed name, once: the chart's objects, mount paths and host names.

The chart's rules: fullname is ``<release>-kong`` (there is no "release already contains the chart name" rule),
Services are ``<fullname>-<block>``, and suffixes are added after the cut at 63 characters, so that a long
release name gives names that Kubernetes refuses (Kong/charts, charts/kong/templates/_helpers.tpl).
"""

import re

import pulumi

from .errors import InputError
from .outputs import text

CHART = "kong"
CHART_VERSION = "3.4.1"
CHART_REPOSITORY = "https://charts.konghq.com"

CLUSTER_PORT = 8005
TELEMETRY_PORT = 8006
ADMIN_PORT = 8444
PROXY_HTTP_PORT = 80
PROXY_HTTPS_PORT = 443
POSTGRES_PORT = 5432

SHARED_CLUSTER_NAME = "kong_clustering"
"""The server name a data plane asks for in shared mode (Kong/kong, kong/clustering/utils.lua)."""

LICENSE_SECRET = "kong-enterprise-license"  # noqa: S105  # the name of a Secret, as Kong's guides have it
CLUSTER_SECRET = "kong-cluster-cert"  # noqa: S105  # likewise
CLUSTER_TRUST = "kong-cluster-ca"
LICENSE_KEY = "license"
"""The key the chart reads (Kong/charts, charts/kong/templates/_helpers.tpl, ``kong.license``)."""

LONGEST_SUFFIX = "-kong-post-upgrade-migrations"
MAX_RELEASE_NAME = 63 - len(LONGEST_SUFFIX)

_LONGEST_SHOWN = 80
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def check_label(value: str, what: str, limit: int = 63) -> None:
    """Refuse what is no DNS label (RFC 1123): names of namespaces, releases and mounted Secrets.

    Raises:
        InputError: naming the input, the value and the rule.
    """
    if not _LABEL.fullmatch(value) or len(value) > limit:
        # A longer text is no misspelt name, but perhaps the licence or the key itself in the name's place.
        shown = repr(value) if len(value) <= _LONGEST_SHOWN else f"a text of {len(value)} characters"
        raise InputError(
            f"{what}: {shown} can't be used; allowed are 1 to {limit} lower-case letters, digits and '-', "
            "beginning and ending with a letter or digit"
        )


def check_release(value: str, what: str) -> None:
    """Refuse a release name from which the chart would make names over 63 characters.

    Raises:
        InputError: naming the input, the value and the limit of 34 characters.
    """
    check_label(value, what, MAX_RELEASE_NAME)


def fullname(release: str) -> str:
    """The chart's name for a release's Deployment, and the stem of all its other names."""
    return f"{release}-{CHART}"


def service(release: str, block: str) -> str:
    """The name of a Service of the chart: block is proxy, admin, cluster, clustertelemetry, ..."""
    return f"{fullname(release)}-{block}"


def service_host(release: str, block: str, namespace: pulumi.Input[str]) -> pulumi.Input[str]:
    """The full host name of a Service of the chart inside the cluster."""
    return host(service(release, block), namespace)


def host(service_name: pulumi.Input[str], namespace: pulumi.Input[str]) -> pulumi.Input[str]:
    """The full host name of any Service inside the cluster."""
    result: pulumi.Input[str] = text("{name}.{namespace}.svc.cluster.local", name=service_name, namespace=namespace)
    return result


def service_dns_names(service_name: str, namespace: pulumi.Input[str]) -> list[pulumi.Input[str]]:
    """The four names under which a Service is reached inside its cluster, shortest first."""
    suffixes = ("", ".{namespace}", ".{namespace}.svc", ".{namespace}.svc.cluster.local")
    return [text("{name}" + suffix, name=service_name, namespace=namespace) for suffix in suffixes]


def secret_path(secret: pulumi.Input[str], key: str) -> pulumi.Input[str]:
    """Where a Secret listed in ``secretVolumes`` is found in Kong's containers."""
    result: pulumi.Input[str] = text("/etc/secrets/{secret}/{key}", secret=secret, key=key)
    return result


def trust_directory(role: str) -> str:
    """Where a trust bundle (a ConfigMap) is mounted in Kong's containers."""
    return f"/etc/kong-trust/{role}"
