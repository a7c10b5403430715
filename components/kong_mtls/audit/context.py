"""What the rules look at: the set, read once as the chart and the ingress controller would read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography import x509

from kong_mtls.reader.cert_manager import CertManager, value
from kong_mtls.reader.chart import KongRelease, kong_releases
from kong_mtls.reader.kic import DEFAULT_INGRESS_CLASS, CaCertificate, Failure, KongConfig, translate
from kong_mtls.reader.kic.authorities import is_ca_object, object_data
from kong_mtls.reader.manifests import Objects, annotations_of, ident, secret_data

from . import certs
from .approval import Policies
from .classes import classes_named
from .existing import Inventory, declared
from .gateways import Gateway, gateways
from .shapes import sift
from .silence import Silence, parse
from .unknown import holds_unknown
from .uses import Use, uses
from .workloads import Selection, Workload, workloads

# Failures that say "not mine".
_BY_CLASS = frozenset(
    {
        "ca-object-no-class",
        "consumer-no-class",
        "cluster-plugin-no-class",
        "ingress-class-missing",
        "namespace-not-watched",
    }
)

# Values that put annotations on what a chart makes: Kong's and cert-manager's, trust-manager's, Reloader's.
_ANNOTATED = ("podAnnotations", "deploymentAnnotations", "commonAnnotations", "reloader.deployment.annotations")


class Context:
    """A set of objects and releases, with the views that several rules share, each made once."""

    def __init__(self, objects: Objects, at: datetime) -> None:
        """Nothing is read before a rule asks for it; what has another shape than its kind is set aside."""
        self.objects, self.malformed, self._unclear = sift(objects)
        self.at = at

    @cached_property
    def by_ident(self) -> dict[str, dict[str, Any]]:
        """Every object by ``Kind/namespace/name``."""
        return {ident(obj): obj for obj in self.objects}

    # --- Kong's processes

    @cached_property
    def releases(self) -> list[KongRelease]:
        """The releases of the kong chart."""
        return kong_releases(self.objects)

    @staticmethod
    def ident(release: KongRelease) -> str:
        """How findings name a release."""
        return f"Release/{release.release.namespace}/{release.name}"

    @cached_property
    def values(self) -> dict[str, Mapping[str, Any]]:
        """The values of every release, whatever its chart, by its name in findings."""
        return {f"Release/{each.namespace}/{each.name}": each.values for each in self.objects.releases}

    @cached_property
    def workloads(self) -> list[Workload]:
        """Everything in the set that makes pods."""
        return workloads(self.objects)

    @cached_property
    def gateways(self) -> list[Gateway]:
        """Every Kong: releases, and Deployments of none of them."""
        return list(gateways(self.releases, self.workloads, self.objects))

    @cached_property
    def proxies(self) -> list[Gateway]:
        """The Kongs that requests pass through: data planes, and those in the traditional mode."""
        return [each for each in self.gateways if each.proxies]

    @property
    def plain_http_closed(self) -> bool:
        """Whether no proxy of the set listens for plain HTTP; False where none is in the set."""
        listening = [gateway.listeners("proxy_listen") for gateway in self.proxies]
        return bool(listening) and all(ls is not None and all(each.tls for each in ls) for ls in listening)

    @property
    def https_by_default(self) -> bool:
        """Whether every proxy takes https alone where a route names no protocols: Kong 3.14 and later."""
        return bool(self.proxies) and all((gateway.version or (0,)) >= (3, 14) for gateway in self.proxies)

    @cached_property
    def verifies_upstreams(self) -> bool | None:
        """Whether every proxy verifies upstreams where a Service says nothing; None without a proxy."""
        if not self.proxies:
            return None
        return all(gateway.is_on("nginx_proxy_proxy_ssl_verify") for gateway in self.proxies)

    @cached_property
    def _selection(self) -> Selection:
        return Selection(self.workloads)

    def behind(self, service: str) -> list[Workload]:
        """The workloads that a Service, by its ident, leads to."""
        obj = self.by_ident.get(service) or {}
        return self._selection.by(service.split("/")[1], (obj.get("spec") or {}).get("selector") or {})

    def shown_by(self, service: str) -> list[tuple[x509.Certificate, ...]]:
        """The server certificates mounted into the pods behind a Service, each with what is sent along.

        What the pods hold; which one they show under which name can't be told from outside.
        """
        found = []
        for workload in self.behind(service):
            for name in workload.secrets:
                data = secret_data(self.objects.get("Secret", workload.namespace, name) or {})
                try:
                    chain = certs.certificates(data.get("tls.crt") or b"")
                except certs.NotACertificate:
                    continue
                if not certs.is_ca(chain[0]) and certs.serves_as(chain[0], "server"):
                    found.append(chain)
        return found

    # --- cert-manager and trust-manager

    @cached_property
    def cert_manager(self) -> CertManager:
        """Certificates, issuers and Bundles."""
        return CertManager(self.objects)

    @cached_property
    def policies(self) -> Policies:
        """approver-policy's CertificateRequestPolicies."""
        return Policies(self.objects)

    @cached_property
    def uses(self) -> list[Use]:
        """Who reads which Secret and ConfigMap."""
        return list(uses(self.gateways, self.workloads, self.objects))

    @cached_property
    def _uses_by_object(self) -> dict[tuple[str, str, str], list[Use]]:
        found: dict[tuple[str, str, str], list[Use]] = {}
        for use in self.uses:
            found.setdefault((use.kind, use.namespace, use.name), []).append(use)
        return found

    def uses_of(self, kind: str, namespace: str, name: str) -> list[Use]:
        """Who reads one Secret or ConfigMap."""
        return self._uses_by_object.get((kind, namespace, name), [])

    @cached_property
    def _namespaces(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for kind, namespace, name in self._uses_by_object:
            found.setdefault((kind, name), []).append(namespace)
        return found

    def namespaces_of(self, kind: str, name: str) -> list[str]:
        """The namespaces in which something reads a Secret or ConfigMap of a name."""
        return self._namespaces.get((kind, name), [])

    # --- the ingress controller

    @cached_property
    def controllers(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Kong's controllers by ingress class and the namespaces they watch (none: all).

        Those of the releases, where one of them has a controller. Else the set was made for a controller
        elsewhere, and the classes are those its objects name.
        """
        sidecars = [r.ingress_controller for r in self.releases if r.ingress_controller]
        served = {(each.ingress_class, each.watch_namespaces) for each in sidecars}
        named = {(name, ()) for name in classes_named(self.objects) or {DEFAULT_INGRESS_CLASS}}
        return tuple(sorted(served or named))

    @property
    def classes(self) -> tuple[str, ...]:
        """The ingress classes that Kong's controllers serve here."""
        return tuple(dict.fromkeys(name for name, _ in self.controllers))

    @cached_property
    def configs(self) -> tuple[KongConfig, ...]:
        """What each ingress controller makes of the set."""
        return tuple(translate(self.objects, self.at, *each) for each in self.controllers)

    @cached_property
    def authorities(self) -> list[CaCertificate]:
        """The CA certificates that reach a Kong."""
        return list({ca.object: ca for config in self.configs for ca in config.ca_certificates}.values())

    @cached_property
    def _failures(self) -> dict[str, list[Failure]]:
        # An object that one controller passes over for its class may be another's.
        passed_over = [{f.object for f in c.failures if f.code in _BY_CLASS} for c in self.configs]
        nobodys = set.intersection(*passed_over)
        by_code: dict[str, dict[Failure, None]] = {}
        for failure in (each for config in self.configs for each in config.failures):
            if failure.code not in _BY_CLASS or failure.object in nobodys:
                by_code.setdefault(failure.code, {})[failure] = None
        return {code: list(found) for code, found in by_code.items()}

    def failures(self, *codes: str) -> Iterator[Failure]:
        """What the controller or Kong drops, refuses or ignores, by code."""
        for code in codes:
            yield from self._failures.get(code, ())

    @property
    def failed(self) -> Iterator[Failure]:
        """Every failure, whatever its code."""
        for found in self._failures.values():
            yield from found

    @cached_property
    def ids_asked_for(self) -> frozenset[str]:
        """The CA ids that plugins and services name."""
        asked: set[str] = set()
        for config in self.configs:
            for plugin in config.plugins:
                listed = (plugin.config or {}).get("ca_certificates")
                asked.update(str(each) for each in (listed if isinstance(listed, list) else ()))
            for service in config.services:
                asked.update(service.ca_certificates or ())
        return frozenset(asked)

    @cached_property
    def hidden_ids(self) -> bool:
        """Whether a CA object is masked or not known yet: it may be the one of any id."""
        return any(
            not self.judged(ident(obj)) or (is_ca_object(obj) and None in _id_and_certificate(obj))
            for kind in ("Secret", "ConfigMap")
            for obj in self.objects.all(kind)
        ) or any(bundle.is_ca_object for bundle in self.cert_manager.bundles)

    def all_judged(self, *kinds: str) -> bool:
        """Whether every object of some kinds is known, so that what none of them says isn't said."""
        if self._unclear.intersection(kinds):
            return False
        return all(self.judged(ident(obj)) for kind in kinds for obj in self.objects.all(kind))

    # --- what isn't in the set, or isn't known

    @cached_property
    def inventory(self) -> Inventory:
        """What is known of Secrets and ConfigMaps by name."""
        return Inventory(self.objects)

    @cached_property
    def _unknown(self) -> frozenset[str]:
        return frozenset(name for name, obj in self.by_ident.items() if holds_unknown(obj))

    def judged(self, name: str) -> bool:
        """Whether an object can be judged: nothing in it waits for the stack to be applied.

        Releases always can: their rules look at values one by one.
        """
        return name not in self._unknown

    @cached_property
    def annotations(self) -> dict[str, Mapping[str, object]]:
        """The annotations that speak to the audit: an object's own; a release's for what it makes."""
        found: dict[str, Mapping[str, object]] = {}
        for name, obj in self.by_ident.items():
            own = annotations_of(obj)
            if own:
                found[name] = own
        for release in self.objects.releases:
            merged: dict[str, object] = {}
            for path in _ANNOTATED:
                part = value(release, path)
                merged |= part if isinstance(part, dict) else {}
            found[f"Release/{release.namespace}/{release.name}"] = merged
        return found

    @cached_property
    def silences(self) -> dict[str, list[Silence]]:
        """What is silenced, by object."""
        parsed = ((name, parse(annotations)) for name, annotations in self.annotations.items())
        return {name: silences for name, silences in parsed if silences}

    def declared_by(self, name: str) -> frozenset[str]:
        """The Secrets that an object or release declares to exist."""
        return declared(self.annotations.get(name, {}))

    def declared_in(self, name: str) -> frozenset[str]:
        """The same, with what its Namespace declares."""
        return self.declared_by(name) | self.declared_by(f"Namespace//{name.split('/')[1]}")


def _id_and_certificate(obj: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
    data = object_data(obj)
    return data.get("id", b""), data.get("cert", data.get("ca.crt", b""))
