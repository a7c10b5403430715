"""CA certificates as the objects from which the ingress controller puts them into Kong.

A Secret or ConfigMap with the label `konghq.com/ca-cert`, an `id` and one certificate
(Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_cacerts.go). In Kong a certificate is there
once: each copy has the id made from the certificate itself, whichever component, stack or cluster makes it.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from .errors import InputError
from .inputs import choice
from .outputs import mapped
from .pki import checks, clock
from .pki.ids import ca_id
from .pki.x509 import Facts, certificates

CA_LABEL = "konghq.com/ca-cert"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
INGRESS_CLASS = "kong"
KINDS = ("ConfigMap", "Secret")

_SHORT = 8


def one_certificate(pem: str, what: str) -> Facts:
    """The one certificate of a PEM text: the controller takes one an object.

    Raises:
        InputError: none or several, or a private key among them.
    """
    found = certificates(pem, what)
    if len(found) != 1:
        raise InputError(f"{what}: holds {len(found)} certificates; the controller takes one each: give them alone")
    return found[0]


def check_authority(pem: str, what: str) -> None:
    """Refuse a certificate that the controller or Kong wouldn't take for a CA, or whose signatures peers refuse.

    Raises:
        InputError: all of it in one message.
    """
    authority = one_certificate(pem, what)
    problems = [*checks.authority(authority), *checks.dates(authority, clock.now()), *checks.strength(authority)]
    if problems:
        raise InputError.of(problems, f"{what}: {authority.subject!r} can't be a CA here:")


def ca_object(
    resource_name: str,
    *,
    namespace: pulumi.Input[str],
    pem: pulumi.Input[str],
    stem: str,
    what: str,
    kind: str = "ConfigMap",
    given_id: str | None = None,
    ingress_class: str = INGRESS_CLASS,
    labels: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Make the object, and return its name, ``<stem>-<first 8 digits of its fingerprint>``.

    The name comes from the content: the same in every namespace, so that annotations that list it are alike there; and
    a new one for a new certificate, so that the old object is there until its readers have moved over.

    Args:
        resource_name: the logical name.
        namespace: where it is read from.
        pem: one CA certificate. Public.
        stem: how the object's name begins.
        what: how to name the certificate in messages.
        kind: `ConfigMap`, which suits what is public, or `Secret`.
        given_id: an id of the user's instead, a UUID.
        ingress_class: the class the controller serves.
        labels: further labels.

    Raises:
        InputError: not exactly one certificate.
    """
    choice(kind, KINDS, f"{what}: kind")
    own_id: Any = given_id or mapped(pem, lambda text: ca_id(one_certificate(text, what)))
    metadata = kubernetes.meta.v1.ObjectMetaArgs(
        name=mapped(pem, lambda text: f"{stem}-{one_certificate(text, what).fingerprint[:_SHORT]}"),
        namespace=namespace,
        labels={CA_LABEL: "true", **(labels or {})},
        annotations={CLASS_ANNOTATION: ingress_class},
    )
    data = {"id": own_id, "cert": pem}
    made: kubernetes.core.v1.Secret | kubernetes.core.v1.ConfigMap
    if kind == "Secret":
        # Public, but what is in a Secret is secret to the engine, and so it is to whoever reads the state.
        hidden: Any = {key: pulumi.Output.secret(value) for key, value in data.items()}
        made = kubernetes.core.v1.Secret(resource_name, metadata=metadata, string_data=hidden, opts=opts)
    else:
        made = kubernetes.core.v1.ConfigMap(resource_name, metadata=metadata, data=data, opts=opts)
    return pulumi.Output.from_input(made.metadata.name)
