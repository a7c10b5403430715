"""Every certificate in a set of files: what it says, who issued it, where it lies, who reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from kong_mtls.pki.x509 import Facts, facts, signed_by
from kong_mtls.reader.chart import kong_releases
from kong_mtls.reader.manifests import Objects, annotations_of, configmap_data, ident, secret_data

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_LISTS = (
    "konghq.com/client-cert",
    "konghq.com/ca-certificates-secrets",
    "konghq.com/ca-certificates-configmaps",
)


@dataclass
class Entry:
    """One certificate, wherever it lies.

    Attributes:
        places: Objects that hold it, as ``Kind/namespace/name``.
        used_by: What reads those objects.
        issuer: Another certificate of the set that has signed it, itself for a self-signed one, None for one elsewhere.
    """

    facts: Facts
    places: list[str] = field(default_factory=list)
    used_by: list[str] = field(default_factory=list)
    issuer: Facts | None = None

    @property
    def name(self) -> str:
        """How a person tells it from others: its common name, or the object that holds it."""
        return self.facts.common_name or self.places[0].split("/")[-1]

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``report.json``."""
        said = self.facts
        usages = [*sorted(said.key_usages or ()), *sorted(said.extended_usages or ())]
        return {
            "name": self.name,
            "subject": said.subject,
            "issuer": said.issuer,
            "key": said.key,
            "not_before": f"{said.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{said.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "usages": usages,
            "sans": [f"DNS:{name}" for name in said.dns_names],
            "fingerprint_sha256": said.fingerprint,
            "used_by": self.used_by,
            "places": self.places,
            "ca": said.is_ca,
            "issued_by": self.issuer.fingerprint if self.issuer else None,
        }


def certificates(objects: Objects) -> list[Entry]:
    """Every certificate in Secrets, ConfigMaps and releases' values, those that end first at the top."""
    entries: dict[str, Entry] = {}
    readers = _readers(objects)

    def add(place: str, content: bytes | None, read_by: Sequence[str]) -> None:
        for found in _parse(content):
            entry = entries.setdefault(found.fingerprint, Entry(found))
            entry.places.extend([place] if place not in entry.places else [])
            entry.used_by.extend(reader for reader in read_by if reader not in entry.used_by)

    for obj, data in _contents(objects):
        for content in data.values():
            add(ident(obj), content, readers.get(ident(obj), ()))
    for release in objects.releases:
        place = f"Release/{release.namespace}/{release.name}"
        for text in _texts(release.values):
            add(place, text.encode(), [place])
    everything = list(entries.values())
    authorities = [entry.facts for entry in everything if entry.facts.is_ca]
    for entry in everything:
        entry.issuer = _issuer(entry.facts, authorities)
    return sorted(everything, key=lambda entry: (entry.facts.not_after, entry.name, entry.facts.fingerprint))


def _issuer(leaf: Facts, authorities: list[Facts]) -> Facts | None:
    if leaf.self_signed:
        return leaf
    named = (one for one in authorities if one.subject == leaf.issuer)
    return next((one for one in named if signed_by(leaf, one)), None)


def _contents(objects: Objects) -> Iterator[tuple[Mapping[str, Any], Mapping[str, bytes | None]]]:
    for secret in objects.all("Secret"):
        yield secret, secret_data(secret)
    for config_map in objects.all("ConfigMap"):
        yield config_map, configmap_data(config_map)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a release's values: a CA may stand there in full."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _parse(content: bytes | None) -> list[Facts]:
    if content is None or _BEGIN not in content:
        return []
    try:
        return [facts(certificate) for certificate in x509.load_pem_x509_certificates(content)]
    except ValueError:
        return []  # the audit says so


def _readers(objects: Objects) -> dict[str, list[str]]:
    """Object -> what reads it."""
    readers: dict[str, list[str]] = {}
    for reading in (_by_releases(objects), _by_workloads(objects), _by_services(objects), _by_ingresses(objects)):
        for place, reader in reading:
            known = readers.setdefault(place, [])
            if reader not in known:
                known.append(reader)
    return readers


def _by_releases(objects: Objects) -> Iterator[tuple[str, str]]:
    for release in kong_releases(objects):
        controller = release.ingress_controller
        for container in (release.container, *([controller.container] if controller else [])):
            for mount in container.mounts:
                for source in mount.sources:
                    yield f"{source.kind}/{release.namespace}/{source.name}", f"Release/{release.title}"


def _by_workloads(objects: Objects) -> Iterator[tuple[str, str]]:
    for workload in (one for kind in _WORKLOADS for one in objects.all(kind)):
        namespace = workload["metadata"].get("namespace", "")
        for volume in workload.get("spec", {}).get("template", {}).get("spec", {}).get("volumes") or []:
            if "secret" in volume:
                yield f"Secret/{namespace}/{volume['secret'].get('secretName', '')}", ident(workload)
            if "configMap" in volume:
                yield f"ConfigMap/{namespace}/{volume['configMap'].get('name', '')}", ident(workload)


def _by_services(objects: Objects) -> Iterator[tuple[str, str]]:
    for service in objects.all("Service"):
        for annotation in _LISTS:
            kind = "ConfigMap" if annotation.endswith("configmaps") else "Secret"
            for name in str(annotations_of(service).get(annotation, "")).split(","):
                yield f"{kind}/{service['metadata'].get('namespace', '')}/{name.strip()}", ident(service)


def _by_ingresses(objects: Objects) -> Iterator[tuple[str, str]]:
    for ingress in objects.all("Ingress"):
        for tls in ingress.get("spec", {}).get("tls") or []:
            yield f"Secret/{ingress['metadata'].get('namespace', '')}/{tls.get('secretName', '')}", ident(ingress)
