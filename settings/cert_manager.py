"""Who makes certificates: the program itself, or cert-manager; and what is installed for the latter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import Field

from kong_mtls import CertManagerArgs, IssuanceArgs, ReloaderArgs
from kong_mtls.cert_manager import problems, reloader_problems
from kong_mtls.pki.cert_manager.args import issuance_problems

from .common import Chart
from .model import Model

Issuer = Literal["pulumi", "cert-manager"]
PULUMI, CERT_MANAGER = get_args(Issuer)

_ISSUANCE = ("namespace", "name_prefix", "renewal", "service_account", "timeout_seconds")
_OWN = ("name_prefix", "renewal", "timeout_seconds")


class Monitoring(Model):
    """Metrics."""

    metrics: bool | None = None
    service_monitor: bool | None = None
    labels: dict[str, str] | None = None


class Addon(Model):
    """What is installed besides."""

    install: bool | None = None
    replicas: int | None = None
    skip_crds: bool | None = None
    chart: Chart | None = None
    values: dict[str, Any] | None = None


class TrustManager(Addon):
    """trust-manager."""

    namespace: str | None = None
    target_namespaces: list[str] | None = None


class Reloader(Model):
    """Stakater Reloader."""

    install: bool | None = None
    namespace: str | None = None
    create_namespace: bool | None = None
    release_name: str | None = None
    strategy: str | None = None
    replicas: int | None = None
    namespaces: list[str] | None = None
    chart: Chart | None = None
    values: dict[str, Any] | None = None


class CertManager(Model):
    """cert-manager: how it is installed, and how it is asked."""

    install: bool | None = None
    namespace: str | None = None
    create_namespace: bool | None = None
    service_account: str | None = None
    replicas: int | None = None
    skip_crds: bool | None = None
    keep_crds: bool | None = None
    monitoring: Monitoring | None = None
    chart: Chart | None = None
    values: dict[str, Any] | None = None
    trust_manager: TrustManager | None = None
    approver_policy: Addon | None = None
    reloader: Reloader | None = None
    renewal: str | None = None
    name_prefix: str | None = None
    timeout_seconds: int | None = Field(default=None, ge=1)


SECTIONS: dict[str, Any] = {"issuer": Issuer, "certManager": CertManager}
"""Keys of Pulumi.yaml, and their shapes."""


@dataclass(frozen=True)
class CertManagerSettings:
    """What the program needs of cert-manager.

    Attributes:
        issuance: how certificates are asked for; None where the program makes them.
        install: what is installed; None for nothing.
        reloader: the Reloader to install; None for none.
    """

    issuance: IssuanceArgs | None = None
    install: CertManagerArgs | None = None
    reloader: ReloaderArgs | None = None


def cert_manager_settings(plain: Mapping[str, Any], namespaces: list[str], found: list[str]) -> CertManagerSettings:
    """The settings of the issuer.

    Args:
        plain: the sections as given, by key.
        namespaces: where workloads read what is renewed.
        found: problems are added to it, each beginning with its key.
    """
    given: dict[str, Any] = dict(plain.get("certManager") or {})
    if plain.get("issuer", PULUMI) != CERT_MANAGER:
        if given:
            found.append("cert_manager: is not used with issuer 'pulumi'; set issuer to 'cert-manager'")
        return CertManagerSettings()
    reloader = given.pop("reloader", None)
    issuance: dict[str, Any] = {key: given[key] for key in _ISSUANCE if key in given}
    if given.get("approver_policy") is not None:
        issuance["approver_policy"] = True
    install: dict[str, Any] = {key: value for key, value in given.items() if key not in _OWN}
    found += [f"cert_manager.{problem}" for problem in problems(cast("CertManagerArgs", install))]
    found += issuance_problems(cast("IssuanceArgs", issuance), "cert_manager")
    return CertManagerSettings(
        cast("IssuanceArgs", issuance),
        cast("CertManagerArgs", install),
        _reloader(reloader, given.get("renewal"), namespaces, found),
    )


def _reloader(
    given: dict[str, Any] | None, renewal: str | None, namespaces: list[str], found: list[str]
) -> ReloaderArgs | None:
    """Installed unless it is said to be there: without it, nobody acts on the annotation."""
    if renewal != "reloader":
        if given is not None:
            found.append("cert_manager.reloader: is only used with renewal 'reloader'")
        return None
    arguments: dict[str, Any] = {"namespaces": namespaces, **(given or {})}
    if not arguments.pop("install", True):
        return None
    reloader = cast("ReloaderArgs", arguments)
    found += [f"cert_manager.reloader.{problem}" for problem in reloader_problems(reloader)]
    return reloader
