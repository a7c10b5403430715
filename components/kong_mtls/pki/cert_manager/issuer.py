"""An issuer of cert-manager's, and what it issues."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pulumi

from ...errors import InputError
from ...outputs import mapped, public
from .. import clock
from ..checks import lifetime
from ..dates import parse
from ..issue import KEYS, Leaf
from ..x509 import certificates
from . import objects
from .args import Issuance
from .declare import approve, approve_request, declared

_SHORT = 8


@dataclass(frozen=True)
class Issuer:
    """A CA that issues without its key ever being here.

    Attributes:
        name: how to name it in messages.
        reference: name, kind and group.
        issuance: how certificates are asked for.
        not_after: end of the CA, RFC 3339; empty where it isn't known.
        certificate_pem: the CA's certificate, where it is known.
    """

    name: str
    reference: Mapping[str, Any]
    issuance: Issuance
    not_after: pulumi.Output[str]
    certificate_pem: pulumi.Input[str] | None = None

    def own_name(self, stem: str) -> str:
        """A name in a shared namespace that no other stack gives to anything."""
        return f"{stem}-{_digest(self.issuance.prefix)[:_SHORT]}"


@dataclass(frozen=True)
class Certificate:
    """A certificate that cert-manager keeps in a Secret.

    Attributes:
        secret_name: the Secret; whoever takes it from here waits until it is there.
        marker: another text when the certificate is asked to be another one; renewal leaves it alone.
    """

    secret_name: pulumi.Output[str]
    marker: pulumi.Output[str]


def certificate(
    name: str,
    leaf: Leaf,
    issuer: Issuer,
    *,
    namespace: pulumi.Input[str],
    object_name: str,
    opts: pulumi.ResourceOptions,
) -> Certificate:
    """Ask for a certificate in a namespace.

    Args:
        name: the resource's name.
        leaf: what it is asked to be. Another ``key_generation`` is another Secret, and so a new key at once.
        issuer: who issues.
        namespace: the reader's.
        object_name: name of the Certificate and of its Secret.

    Raises:
        InputError: a lifetime that can't work, or an unknown key. When the CA ends before the certificate would, the
            same error ends the run before the certificate is asked for.
    """
    check_leaf(name, leaf)
    if leaf.key_generation != Leaf.key_generation:
        object_name = f"{object_name}-{leaf.key_generation}"
    manifest = objects.leaf_certificate(
        object_name, namespace, leaf, issuer.reference, after=_within(name, leaf, issuer)
    )
    approved = approve(name, manifest, f"{issuer.issuance.prefix}-{name}", issuer.issuance, opts)
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=approved))
    made = declared(name, manifest, issuer.issuance, after)
    asked = pulumi.Output.all(spec=manifest["spec"], name=made.object_name).apply(
        lambda values: _digest(json.dumps(values["spec"], sort_keys=True))
    )
    return Certificate(made.object_name, asked)


def signed(
    name: str,
    request_pem: pulumi.Input[str],
    leaf: Leaf,
    issuer: Issuer,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], pulumi.Output[str], pulumi.Output[str]]:
    """A certificate for a signing request, with intermediates, and its dates.

    A request is never renewed: another one is made when the signing request, the issuer or what is asked for changes;
    a run in the last ``early_renewal_hours`` asks for that.

    Raises:
        InputError: as ``certificate``.
    """
    check_leaf(name, leaf)
    reference = issuer.reference
    asked = pulumi.Output.all(request_pem, reference["name"]).apply(
        lambda both: _digest(json.dumps([*both, leaf.validity_hours, leaf.key_generation]))[:_SHORT]
    )
    object_name = asked.apply(lambda digits: f"{issuer.issuance.prefix}-{name}-{digits}")
    manifest = objects.certificate_request(object_name, issuer.issuance.namespace, request_pem, leaf, reference)
    policy = f"{issuer.issuance.prefix}-{name}"
    approved = approve_request(name, manifest, policy, leaf.common_name, issuer.issuance, opts=opts)
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=approved))
    made = declared(name, manifest, issuer.issuance, after)
    pem = public(pulumi.Output.all(made.status, _within(name, leaf, issuer)).apply(lambda both: _certificate(both[0])))
    not_after = mapped(pem, lambda text: _date(text, name, "not_after"))
    _ask_for_renewal(name, not_after, leaf.early_renewal_hours)
    return pem, mapped(pem, lambda text: _date(text, name, "not_before")), not_after


def check_leaf(name: str, leaf: Leaf) -> None:
    """Refuse what cert-manager could never issue.

    Raises:
        InputError: everything, in one message.
    """
    problems = lifetime(leaf.validity_hours, leaf.early_renewal_hours, name)
    if leaf.key not in KEYS:
        problems.append(f"{name}: key {leaf.key!r} is not known; allowed: {', '.join(KEYS)}")
    if problems:
        raise InputError("; ".join(problems))


def _within(name: str, leaf: Leaf, issuer: Issuer) -> pulumi.Output[None]:
    """Refuse a certificate whose CA would end first: cert-manager signs it all the same."""

    def check(authority_end: str) -> None:
        if not authority_end:
            return
        end = clock.now() + timedelta(hours=leaf.validity_hours)
        if end > parse(authority_end):
            raise InputError(
                f"{name}: would be valid until {end:%Y-%m-%d}, but its CA {issuer.name!r} ends on "
                f"{authority_end[:10]}; add a new generation of the CA and issue from it, or shorten the certificate's "
                "validity"
            )

    return issuer.not_after.apply(check)


def _ask_for_renewal(name: str, not_after: pulumi.Output[str], early_renewal_hours: int) -> None:
    def judge(end: str) -> None:
        if end and parse(end) - clock.now() < timedelta(hours=early_renewal_hours):
            pulumi.log.warn(
                f"{name}: the certificate issued for its signing request ends on {end[:10]}; give another "
                "leaf.key_generation, and it is issued anew"
            )

    not_after.apply(judge)


def _certificate(status: Any) -> str:
    encoded = (status or {}).get("certificate") or ""
    return base64.b64decode(encoded).decode()


def _date(pem: str, name: str, attribute: str) -> str:
    if not pem:
        return ""
    text: str = getattr(certificates(pem, name)[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ")
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
