"""Consumers and their credentials as they reach Kong.

Sources: Kong/kubernetes-ingress-controller internal/dataplane/kongstate/{kongstate,credentials}.go,
internal/util/credential.go, internal/admission/validation/consumers/credentials/vars.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.model import KongConsumer
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import ident, labels_of, secret_data

CREDENTIAL_LABEL = "konghq.com/credential"

# What each type must hold; of mtls-auth and acl all is checked, of the others only that the key is there.
REQUIRED = {
    "mtls-auth": "subject_name",
    "acl": "group",
    "key-auth": "key",
    "basic-auth": "username",
    "hmac-auth": "username",
    "jwt": "key",
    "oauth2": "client_id",
}


def _credential(store: Store, owner: str, secret: Mapping[str, Any]) -> tuple[str, str] | None:
    """Type and identifying value of a credential; None when it is dropped or masked."""
    name, kind = ident(secret), labels_of(secret).get(CREDENTIAL_LABEL)
    add = store.failures.add
    if kind is None:
        hint = " (kongCredType is not read since 3.2.0)" if "kongCredType" in secret_data(secret) else ""
        message = f"without the label {CREDENTIAL_LABEL} it is no credential of {owner}{hint}"
        add("credential-unlabelled", name, message, CREDENTIAL_LABEL)
        return None
    if kind not in REQUIRED:
        known = ", ".join(sorted(REQUIRED))
        message = f"{CREDENTIAL_LABEL} is {kind!r}; known are {known}"
        add("credential-type-unknown", name, message, CREDENTIAL_LABEL)
        return None
    data, key = secret_data(secret), REQUIRED[kind]
    if key not in data:
        add("credential-incomplete", name, f"a credential of type {kind} needs the key {key}", key)
        return None
    if kind == "mtls-auth" and "ca_certificate" in data:
        # A string can't be decoded into Kong's reference to another entity: the whole credential is dropped.
        message = "ca_certificate can't be given in a Secret: the controller drops the credential"
        add("credential-ca-certificate", name, message, "ca_certificate")
        return None
    value = data[key]
    return None if value is None else (kind, value.decode(errors="replace"))


def _consumer(store: Store, obj: Mapping[str, Any]) -> KongConsumer | None:
    name = ident(obj)
    if not store.has_class(obj):
        store.failures.add(
            "consumer-no-class",
            name,
            f"without the annotation {ann.CLASS}: {store.ingress_class} the controller passes over it",
            ann.CLASS,
        )
        return None
    username, custom_id = obj.get("username") or None, obj.get("custom_id") or None
    if username is None and custom_id is None:
        store.failures.add("consumer-nameless", name, "it has neither username nor custom_id", "username")
        return None
    namespace = str((obj.get("metadata") or {}).get("namespace") or "default")
    groups: list[str] = []
    for group in obj.get("consumerGroups") or ():
        if store.objects.get("KongConsumerGroup", namespace, str(group)) is None:
            message = f"KongConsumerGroup {namespace}/{group} is not there"
            store.failures.add("consumer-group-missing", name, message, str(group))
        else:
            groups.append(str(group))
    values: dict[str, list[str]] = {}
    for reference in obj.get("credentials") or ():
        secret = store.objects.get("Secret", namespace, str(reference))
        if secret is None:
            message = f"credential Secret {namespace}/{reference} is not there"
            store.failures.add("credential-missing", name, message, str(reference))
            continue
        found = _credential(store, name, secret)
        if found:
            values.setdefault(found[0], []).append(found[1])
    return KongConsumer(
        name,
        None if username is None else str(username),
        None if custom_id is None else str(custom_id),
        tuple(values.get("mtls-auth", ())),
        tuple(values.get("acl", ())),
        tuple(groups),
    )


def _warn_of_unused(store: Store) -> None:
    listed = {
        (str((c.get("metadata") or {}).get("namespace") or "default"), str(name))
        for c in store.objects.all("KongConsumer")
        for name in c.get("credentials") or ()
    }
    for secret in store.objects.all("Secret"):
        metadata = secret.get("metadata") or {}
        key = (str(metadata.get("namespace") or "default"), str(metadata.get("name")))
        if labels_of(secret).get(CREDENTIAL_LABEL) in REQUIRED and key not in listed:
            message = f"no KongConsumer in {key[0]} lists it among its credentials"
            store.failures.add("credential-unused", ident(secret), message, CREDENTIAL_LABEL)


def consumers(store: Store) -> tuple[KongConsumer, ...]:
    """Every consumer that reaches Kong; what doesn't is noted as a failure."""
    result: list[KongConsumer] = []
    seen: dict[tuple[str, str], str] = {}
    for obj in store.objects.all("KongConsumer"):
        made = _consumer(store, obj)
        if made is None:
            continue
        twins = [
            (field, value, seen[field, value])
            for field, value in (("username", made.username), ("custom_id", made.custom_id))
            if value is not None and (field, value) in seen
        ]
        for field, value, other in twins:
            message = f"{field} {value!r} is also that of {other}; Kong refuses the second"
            store.failures.add("consumer-duplicate", made.object, message, field)
        if twins:
            continue
        seen |= {("username", made.username): made.object} if made.username else {}
        seen |= {("custom_id", made.custom_id): made.object} if made.custom_id else {}
        result.append(made)
    _warn_of_unused(store)
    return tuple(result)
