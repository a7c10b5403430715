"""Stand-ins for cert-manager: Issuer, ClusterIssuer, Certificate and CertificateRequest.

They answer as cert-manager v1.21.1 does: what its CustomResourceDefinitions and its webhook refuse is refused, and what
its controllers would make of the objects is made. Keystores (JKS, PKCS#12) are not.

Sources: cert-manager/cert-manager, ``pkg/controller/certificates``, and as named in the modules ``cert_manager_*``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_issue as issuing
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins import cert_manager_request as requests
from kong_mtls.rehearsal.standins import cert_manager_rules as rules
from kong_mtls.rehearsal.standins import cert_manager_secret as secrets
from kong_mtls.rehearsal.standins import cert_manager_triggers as triggers
from kong_mtls.rehearsal.standins import kubernetes
from kong_mtls.rehearsal.standins.approver_policy import GROUP as POLICY_GROUP
from kong_mtls.rehearsal.standins.approver_policy import KIND as POLICY
from kong_mtls.rehearsal.standins.approver_policy import check_approved
from kong_mtls.rehearsal.standins.cert_manager_issuers import NotReady, check_ready, played, signer
from kong_mtls.rehearsal.standins.custom_kinds import checking, condition, not_ready, spec_of
from kong_mtls.rehearsal.standins.go_time import rfc3339
from kong_mtls.rehearsal.standins.model import Call, Made, Reconciled, StandIn, Waiting

REVISION: Final = f"{rules.GROUP}/certificate-revision"
_MESSAGE: Final = "Certificate is up to date and has not expired"
_FETCHED: Final = "Certificate fetched from issuer successfully"

Held = tuple[Mapping[str, Any], ...]


def _issuer(call: Call, __: Held) -> Reconciled | Waiting:
    kind, namespace = str(call.inputs["kind"]), kubernetes.namespace_of(call.inputs)
    spec = spec_of(call)
    try:
        check_ready(call.world, kind, namespace, spec)
    except NotReady as error:
        reason, _, message = str(error).partition(": ")
        return not_ready(call, reason, message)
    said = ("KeyPairVerified", "Signing CA verified") if "ca" in spec else ("IsReady", "")
    return Reconciled((), {"conditions": [condition("Ready", True, *said, call.at)]})


def _certificate(call: Call, held: Held) -> Reconciled | Waiting:
    spec, name = spec_of(call), str(kubernetes.metadata(call.inputs)["name"])
    namespace = kubernetes.namespace_of(call.inputs)
    place = (namespace, str(spec["secretName"]))
    found = call.world.find("Secret", *place)
    request = next((item for item in held if item["kind"] == "CertificateRequest"), None)
    other = secrets.annotation(found, secrets.CERTIFICATE_NAME) if found is not None else None
    if other not in (None, name) and _wants(call, namespace, str(other), place[1]):
        return not_ready(call, "IncorrectCertificate", triggers.conflict(str(other)))
    player = played(call.world, secrets.ref_of(spec), namespace)
    try:
        why = triggers.outdated(spec, name, found, request, call.at)
    except requests.SigningError as error:
        return not_ready(call, "RequestChanged", str(error))
    if why is None:
        assert found is not None
        data = secrets.data_of(found)
    else:
        revision = int(secrets.annotation(request, REVISION) or 0) + 1 if request is not None else 1
        try:
            data, request = _issue(call, spec, (namespace, f"{name}-{revision}"), found, why)
        except NotReady as error:
            return not_ready(call, why[0], f"{why[1]} ({error})")
        except requests.SigningError as error:
            return not_ready(call, why[0], f"{why[1]} (The certificate request has failed to complete: {error})")
    kept = secrets.secret(spec, place, name, data, str((found or {}).get("type") or "kubernetes.io/tls"))
    if player:
        kept["metadata"]["annotations"][kubernetes.PLAYED] = player
    if _owns(call):
        kept["metadata"]["ownerReferences"] = [_owner(call, name)]
    objects: Held = (kept, request) if request is not None else (kept,)
    return _judged(call, spec, objects, data)


def _owns(call: Call) -> bool:
    """Whether cert-manager's release makes Certificates the owners of their Secrets."""
    releases = call.world.releases("cert-manager")
    return any((one.get("values") or {}).get("enableCertificateOwnerRef") is True for one in releases)


def _owner(call: Call, name: str) -> dict[str, Any]:
    """The reference by which a Secret goes when its Certificate does."""
    live = call.world.find("Certificate", kubernetes.namespace_of(call.inputs), name) or call.inputs
    uid = kubernetes.metadata(live).get("uid")
    own = {"apiVersion": call.inputs["apiVersion"], "kind": call.inputs["kind"], "name": name, "uid": uid}
    return {**own, "controller": True, "blockOwnerDeletion": True}


def _wants(call: Call, namespace: str, name: str, secret: str) -> bool:
    """Whether there is a Certificate of that name with that Secret."""
    other = call.world.find("Certificate", namespace, name)
    return other is not None and (wire.plain(other.get("spec")) or {}).get("secretName") == secret


def _judged(call: Call, spec: Mapping[str, Any], objects: Held, data: Mapping[str, bytes]) -> Reconciled | Waiting:
    """Ready, or expired where nothing renews it."""
    certificate = keys.load_chain(data["tls.crt"])[0]
    status: dict[str, Any] = {
        "notBefore": rfc3339(certificate.not_valid_before_utc),
        "notAfter": rfc3339(certificate.not_valid_after_utc),
    }
    renewal = triggers.renewal_time(spec, certificate)
    if renewal is not None:
        status["renewalTime"] = rfc3339(renewal)
    if len(objects) > 1:
        status["revision"] = int(secrets.annotation(objects[1], REVISION) or 0)
    if call.at > certificate.not_valid_after_utc:
        ended = f"Certificate expired on {certificate.not_valid_after_utc:%a, %d %b %Y %H:%M:%S UTC}"
        return not_ready(call, "Expired", ended, **status)
    return Reconciled(objects, {"conditions": [condition("Ready", True, "Ready", _MESSAGE, call.at)], **status})


def _issue(
    call: Call,
    spec: Mapping[str, Any],
    place: tuple[str, str],
    found: Mapping[str, Any] | None,
    why: tuple[str, str],
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """A new certificate: the data of its Secret, and the CertificateRequest by which it was had.

    Raises:
        NotReady: The issuer is not.
        SigningError: It does not sign that.
    """
    at = call.at
    if why[0] == "Renewing" and found is not None:
        at = triggers.renewed_at(spec, keys.load_chain(secrets.data_of(found)["tls.crt"])[0], call.at)
    key = _key(spec, found)
    ref = secrets.ref_of(spec)
    who = signer(call.world, ref, place[0], key, at)
    text = requests.request(spec, key)
    order = requests.Order.of(spec, rules.duration_of(spec, "duration"))
    asked = {key: spec[key] for key in ("duration", "isCA", "issuerRef", "usages") if key in spec}
    csr = requests.load_request(text)
    check_approved(call.world, place[0], asked, csr, by_cert_manager=True)
    issued = issuing.sign(csr, order, who, at)
    name = str(kubernetes.metadata(call.inputs)["name"])
    request = {
        "apiVersion": f"{rules.GROUP}/v1",
        "kind": "CertificateRequest",
        "metadata": {
            "name": place[1],
            "namespace": place[0],
            "annotations": {secrets.CERTIFICATE_NAME: name, REVISION: place[1].rpartition("-")[2]},
        },
        "spec": {**asked, "request": base64.b64encode(text.encode()).decode()},
        "status": _granted(issued, at),
    }
    data = {"tls.crt": issued.chain.encode(), "tls.key": keys.key_text(key, spec).encode()}
    return ({**data, "ca.crt": issued.ca.encode()} if issued.ca else data), request


def _key(spec: Mapping[str, Any], found: Mapping[str, Any] | None) -> PrivateKey:
    """The key of the next certificate: a new one, or with ``rotationPolicy: Never`` the one that is there.

    Raises:
        NotReady: It may not be replaced, and is not of the kind that is asked for.
    """
    if (spec.get("privateKey") or {}).get("rotationPolicy") == "Never" and found is not None:
        key = keys.load_key(secrets.data_of(found).get("tls.key"))
        if key is not None and keys.kind_of(key) != keys.key_kind(spec):
            raise NotReady(
                "CannotRegenerateKey: User intervention required: existing private key in Secret "
                f'"{kubernetes.metadata(found).get("name")}" does not match requirements on Certificate resource, '
                f"mismatching fields: [{triggers.key_mismatch(spec, key)}], but cert-manager cannot create new private "
                "key as the Certificate's .spec.privateKey.rotationPolicy is unset or set to Never"
            )
        if key is not None:
            return key
    return keys.new_key(spec)


def _granted(issued: issuing.Issued, at: datetime) -> dict[str, Any]:
    """The ``status`` of a CertificateRequest that has been signed."""
    approved = "Certificate request has been approved by cert-manager.io"
    status: dict[str, Any] = {
        "conditions": [
            condition("Approved", True, rules.GROUP, approved, at),
            condition("Ready", True, "Issued", _FETCHED, at),
        ],
        "certificate": base64.b64encode(issued.chain.encode()).decode(),
    }
    return {**status, "ca": base64.b64encode(issued.ca.encode()).decode()} if issued.ca else status


def _certificate_request(call: Call, held: Held) -> Reconciled | Waiting:
    spec, namespace = spec_of(call), kubernetes.namespace_of(call.inputs)
    played(call.world, secrets.ref_of(spec), namespace)
    if held:
        return Reconciled(held, wire.plain(held[0]["status"]))
    try:
        who = signer(call.world, secrets.ref_of(spec), namespace, None, call.at)
        csr = requests.load_request(base64.b64decode(spec["request"]))
        check_approved(call.world, namespace, spec, csr, by_cert_manager=False)
        order = requests.Order.of(spec, rules.duration_of(spec, "duration"))
        status = _granted(issuing.sign(csr, order, who, call.at), call.at)
    except NotReady as error:
        reason, _, message = str(error).partition(": ")
        ready = {"MissingAnnotation": "Failed", "Denied": "Denied"}.get(reason, "Pending")
        return not_ready(call, ready, f"{reason}: {message}")
    except requests.SigningError as error:
        return not_ready(call, "Failed", f"Error signing certificate: {error}")
    meta = kubernetes.metadata(call.inputs)
    live = {
        "apiVersion": call.inputs["apiVersion"],
        "kind": call.inputs["kind"],
        "metadata": {
            key: value for key, value in meta.items() if key in ("name", "namespace", "annotations", "labels")
        },
        "spec": spec,
        "status": status,
    }
    return Reconciled((live,), status)


def _unchanged(call: Call) -> None:
    """Refuses another ``spec`` for a CertificateRequest that is there.

    Raises:
        ResourceError: It is another.
    """
    if call.old is not None and wire.plain(call.old.inputs.get("spec")) != wire.plain(call.inputs.get("spec")):
        rules.deny(["spec: Forbidden: cannot change spec after creation"])


def _request_create(call: Call) -> Made:
    _unchanged(call)
    return kubernetes.create(call)


def _request_known(call: Call) -> dict[str, Any]:
    if not wire.has_unknown(call.inputs.get("spec")):
        _unchanged(call)
    return dict(call.inputs)


def _stand_in(check_spec: rules.Rules, controller: Any = None, **more: Any) -> StandIn:
    parts = {
        "create": kubernetes.create,
        "replace_on": kubernetes.IDENTITY,
        "delete_first": kubernetes.delete_first,
        "identity": kubernetes.identity,
        **more,
    }
    return StandIn(check=checking(check_spec), controller=controller, **parts)


STAND_INS: Final = {
    f"kubernetes:{rules.GROUP}/v1:Issuer": _stand_in(rules.issuer, _issuer),
    f"kubernetes:{rules.GROUP}/v1:ClusterIssuer": _stand_in(rules.issuer, _issuer),
    f"kubernetes:{rules.GROUP}/v1:Certificate": _stand_in(
        rules.certificate, _certificate, leaves=frozenset({"Secret"})
    ),
    f"kubernetes:{rules.GROUP}/v1:CertificateRequest": _stand_in(
        rules.certificate_request, _certificate_request, create=_request_create, known=_request_known
    ),
    f"kubernetes:{POLICY_GROUP}/v1alpha1:{POLICY}": _stand_in(lambda _: ()),
}
