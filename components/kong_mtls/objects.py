"""Secrets that Kong, its controller or a pod reads, and names that must not vanish.

A Secret with a fixed name whose data changes is *replaced* by the Kubernetes provider, deleted first, unless the
provider's ``enableSecretMutable`` is on; for that moment it is gone, and a pod that starts then can't mount it.
So a component left to itself lets Pulumi name the Secret: the successor exists before its readers move over, and
the old one goes last. Where the setting is on, fixed names are updated in place
(pulumi-kubernetes, provider configuration, ``enableSecretMutable``).
"""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from . import names
from .args import SecretRefArgs
from .outputs import digest, mapped
from .pki.issue import KeyPair

TLS_TYPE = "kubernetes.io/tls"
_SHORT = 8
_SUFFIX = "-0123abcd"  # what Pulumi's autonaming adds to a resource's name


def make_secret(
    resource_name: str,
    *,
    namespace: pulumi.Input[str],
    data: Mapping[str, pulumi.Input[str]],
    fixed_name: str | None,
    what: str,
    secret_type: str = "Opaque",  # noqa: S107  # the kind of Secret
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions,
) -> "kubernetes.core.v1.Secret":
    """A Secret; its values are secret to the engine too.

    Args:
        resource_name: the logical name, and the stem of the object's name when it isn't fixed.
        fixed_name: the object's own name, or None to have Pulumi name it.
        what: how to name it in a message.
    """
    check_name("Secret", resource_name, fixed_name, what, opts)
    metadata = kubernetes.meta.v1.ObjectMetaArgs(
        namespace=namespace, name=fixed_name, labels=labels, annotations=annotations
    )
    return kubernetes.core.v1.Secret(
        resource_name,
        metadata=metadata,
        type=secret_type,
        string_data={key: pulumi.Output.secret(value) for key, value in data.items()},
        opts=opts,
    )


def tls_secret(
    resource_name: str,
    *,
    namespace: pulumi.Input[str],
    certificate_pem: pulumi.Input[str],
    private_key_pem: pulumi.Input[str],
    fixed_name: str | None,
    what: str,
    further: Mapping[str, pulumi.Input[str]] | None = None,
    opts: pulumi.ResourceOptions,
) -> SecretRefArgs:
    """A Secret of type kubernetes.io/tls with the pair and `further` data, and how its readers refer to it."""
    secret = make_secret(
        resource_name,
        namespace=namespace,
        data={"tls.crt": certificate_pem, "tls.key": private_key_pem, **(further or {})},
        fixed_name=fixed_name,
        what=what,
        secret_type=TLS_TYPE,
        opts=opts,
    )
    # The certificate changes whenever its key does, and is public.
    return {"name": secret.metadata.name, "checksum": digest(certificate_pem)}


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


def change_marker(resource_name: str, value: pulumi.Input[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A text that changes when the secret ``value`` does, and gives nothing away of it.

    It is random, and made anew when its keeper changes: a digest of a short password could be guessed.
    """
    keeper = pulumi.Output.secret(value)
    marker = random.RandomId(resource_name, byte_length=8, keepers={"value": keeper}, opts=opts)
    return pulumi.Output.unsecret(marker.hex)


def check_name(kind: str, resource_name: str, fixed_name: str | None, what: str, opts: pulumi.ResourceOptions) -> None:
    """Refuse a name that no volume could have, and warn of a fixed one that would vanish while it is replaced.

    The chart names the volume of a mounted Secret or ConfigMap after it, so that more than a DNS label can't be
    mounted (Kong/charts, charts/kong/templates/_helpers.tpl, ``kong.volumes``).

    Raises:
        InputError: the fixed name, or the resource's own name where Pulumi makes the object's from it.
    """
    if fixed_name is not None:
        names.check_label(fixed_name, what)
        _warn_unless_mutable(kind, fixed_name, opts)
    else:
        names.check_label(resource_name, f"{kind} named after its resource", 63 - len(_SUFFIX))


def _warn_unless_mutable(kind: str, fixed_name: str, opts: pulumi.ResourceOptions) -> None:
    """Say so when a Secret or ConfigMap with a fixed name would be deleted before its successor is there."""
    setting = f"enable{kind}Mutable"
    inherited = opts.parent.get_provider(f"kubernetes:core/v1:{kind}") if opts.parent is not None else None
    if inherited is not None or opts.provider is not None:
        # The stack's config is for the default provider only, and another's inputs can't be read.
        why, remedy = "its provider is given explicitly", f"Set {setting} on that provider"
    elif pulumi.Config("kubernetes").get_bool(setting):
        return
    else:
        why, remedy = f"kubernetes:{setting} is not 'true'", f"Set `pulumi config set kubernetes:{setting} true`"
    pulumi.log.warn(
        f"{kind} {fixed_name!r} has a fixed name and {why}: unless the provider has {setting}, a changed content "
        f"deletes the {kind} before it makes the new one. {remedy}, or leave the name to Pulumi."
    )
