"""Pairs of the link to upstreams, whoever made them: checked, and as Secrets."""

import pulumi
import pulumi_kubernetes as kubernetes

from .args import SecretRefArgs
from .cluster_existing import end_problems
from .errors import InputError
from .objects import TLS_TYPE, tls_secret
from .outputs import digest, mapped, public
from .pki.issue import CLIENT, KeyPair
from .pki.x509 import certificates

_SHORT = 8


def pair_secret(
    resource_name: str,
    *,
    namespace: pulumi.Input[str],
    pair: KeyPair,
    stem: str,
    fixed_name: str | None,
    what: str,
    opts: pulumi.ResourceOptions,
) -> SecretRefArgs:
    """A TLS Secret with a fixed name, or one that its certificate gives it: ``<stem>-<8 digits>``.

    Such a name is the same in every namespace, so that annotations that have it are alike there; and it is new for a
    new pair, so that the old Secret is there until its readers have moved over, under any provider.
    """
    if fixed_name is not None:
        return tls_secret(
            resource_name,
            namespace=namespace,
            certificate_pem=pair.certificate_pem,
            private_key_pem=pair.private_key_pem,
            fixed_name=fixed_name,
            what=what,
            opts=opts,
        )
    checksum = digest(pair.certificate_pem)
    key: pulumi.Output[str] = pulumi.Output.secret(pair.private_key_pem)
    secret = kubernetes.core.v1.Secret(
        resource_name,
        metadata={"name": mapped(checksum, lambda value: f"{stem}-{value[:_SHORT]}"), "namespace": namespace},
        type=TLS_TYPE,
        string_data={"tls.crt": pair.certificate_pem, "tls.key": key},
        opts=opts,
    )
    return {"name": pulumi.Output.from_input(secret.metadata.name), "checksum": checksum}


def given_client_pair(certificate: pulumi.Input[str], key: pulumi.Input[str], where: str) -> KeyPair:
    """A client pair of the user's own, checked: at once where both are plain, else when the engine knows them.

    Raises:
        InputError: a pair that doesn't match, or a certificate that is no client's, or not of today.
    """

    def check(values: list[str]) -> str:
        found = end_problems(values[0], values[1], None, CLIENT, [])
        if found:
            raise InputError.of(found, f"{where}: the given client pair can't be used:")
        return values[0]

    if isinstance(certificate, str) and isinstance(key, str):
        pem = pulumi.Output.from_input(check([certificate, key]))
    else:
        pem = public(pulumi.Output.all(certificate, key).apply(check))

    def date(attribute: str) -> pulumi.Output[str]:
        return pem.apply(lambda text: getattr(certificates(text, where)[0], attribute).strftime("%Y-%m-%dT%H:%M:%SZ"))

    return KeyPair(pem, pulumi.Output.secret(key), date("not_before"), date("not_after"))
