"""How cert-manager is asked for certificates."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from ...errors import InputError

NAMESPACE = "cert-manager"
RENEWALS = ("restart", "reloader")
TIMEOUT_SECONDS = 300

_MAX_PREFIX = 40
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class IssuanceArgs(TypedDict):
    """Have certificates made by cert-manager (1.21 or newer): its presence is what switches the issuer.

    cert-manager and trust-manager run in the cluster already, or a `CertManager` installs them.
    """

    namespace: NotRequired[str]
    """cert-manager's cluster resource namespace, which is also trust-manager's trust namespace: CAs and their keys are
    there. Default `cert-manager`."""
    name_prefix: NotRequired[str]
    """Names of what is one for the whole cluster begin so; default `<project>-<stack>`. At most 40 characters."""
    renewal: NotRequired[str]
    """How a renewed certificate reaches a process that reads it when it starts: `restart` (default) leaves that to you,
    `reloader` marks workloads for Stakater Reloader."""
    approver_policy: NotRequired[bool]
    """Where approver-policy runs: say for each certificate who may ask for it, and for what; default false."""
    service_account: NotRequired[str]
    """With `approver_policy`: ServiceAccount of cert-manager's controller, in `namespace`; default `cert-manager`."""
    timeout_seconds: NotRequired[int]
    """How long an update waits for an issuer or a certificate to be ready; default 300."""


class IssuerRefArgs(TypedDict):
    """An issuer of cert-manager's."""

    name: pulumi.Input[str]
    """Its name."""
    kind: NotRequired[str]
    """`ClusterIssuer` (default), `Issuer`, in the namespace of every reader then, or the kind of an external issuer."""
    group: NotRequired[str]
    """Default `cert-manager.io`; that of an external issuer."""


class AuthorityIssuerArgs(TypedDict):
    """An issuer of your own that takes the place of a CA made here: Vault, a cloud's private CA, anything."""

    # The fields of IssuerRefArgs again, not inherited: the schema analyser reads the docstrings of a class alone.
    name: pulumi.Input[str]
    """Its name."""
    kind: NotRequired[str]
    """`ClusterIssuer` (default), `Issuer`, in the namespace of every reader then, or the kind of an external issuer."""
    group: NotRequired[str]
    """Default `cert-manager.io`; that of an external issuer."""
    trust_pem: str
    """The CA certificate that peers trust for what it issues, in PEM. Public."""


@dataclass(frozen=True)
class Issuance:
    """The same with all defaults.

    Attributes:
        namespace: where CAs and their keys are.
        prefix: how names of cluster-wide objects begin.
        renewal: `restart` or `reloader`.
        approver_policy: whether approvals are declared.
        service_account: of cert-manager's controller.
        timeout_seconds: how long an update waits.
    """

    namespace: str
    prefix: str
    renewal: str
    approver_policy: bool
    service_account: str
    timeout_seconds: int

    def args(self) -> IssuanceArgs:
        """As arguments again."""
        return {
            "namespace": self.namespace,
            "name_prefix": self.prefix,
            "renewal": self.renewal,
            "approver_policy": self.approver_policy,
            "service_account": self.service_account,
            "timeout_seconds": self.timeout_seconds,
        }


def issuance_problems(given: IssuanceArgs, what: str) -> list[str]:
    """What can't be used, each naming the argument, its value and what is allowed."""
    found = []
    prefix = given.get("name_prefix")
    for value, field, limit in ((prefix, "name_prefix", _MAX_PREFIX), (given.get("namespace"), "namespace", 63)):
        if value is not None and (not _PREFIX.fullmatch(value) or len(value) > limit):
            found.append(
                f"{what}.{field}: {value!r} can't be used; allowed are 1 to {limit} lower-case letters, digits and "
                "'-', beginning and ending with a letter or digit"
            )
    renewal = given.get("renewal")
    if renewal is not None and renewal not in RENEWALS:
        found.append(f"{what}.renewal: {renewal!r} is not known; allowed: {', '.join(RENEWALS)}")
    timeout = given.get("timeout_seconds", TIMEOUT_SECONDS)
    if timeout < 1:
        found.append(f"{what}.timeout_seconds: {timeout} is no time to wait; allowed: 1 or more")
    return found


def issuance(given: IssuanceArgs, what: str) -> Issuance:
    """The arguments with their defaults.

    Raises:
        InputError: everything that can't be used, in one message.
    """
    found = issuance_problems(given, what)
    if found:
        raise InputError("; ".join(found))
    return Issuance(
        given.get("namespace") or NAMESPACE,
        given.get("name_prefix") or default_prefix(pulumi.get_project(), pulumi.get_stack()),
        given.get("renewal") or RENEWALS[0],
        given.get("approver_policy", False),
        given.get("service_account") or "cert-manager",
        given.get("timeout_seconds", TIMEOUT_SECONDS),
    )


def default_prefix(project: str, stack: str) -> str:
    """`<project>-<stack>` as a name that Kubernetes takes: two stacks on one cluster have nothing in common."""
    stack = stack.rpartition("/")[2]
    plain = re.sub(r"[^a-z0-9]+", "-", f"{project}-{stack}".lower()).strip("-")
    return plain[:_MAX_PREFIX].rstrip("-") or "stack"


def with_issuance(given: Any, issuance_args: IssuanceArgs | None) -> Any:
    """Arguments of a component with the issuer of all, unless they have their own."""
    if issuance_args is None:
        return given or {}
    return {"cert_manager": issuance_args, **(given or {})}


def issuer_problems(issuers: Mapping[str, Any], kept: Sequence[str], trusted: Sequence[str], what: str) -> list[str]:
    """Issuers and states of generations that aren't there, or that are said to be two things."""
    found = [
        f"{what}.{field}: there is no generation {name!r}; there are {', '.join(trusted)}"
        for field, names in (("issuers", issuers), ("kept_in_state", kept))
        for name in names
        if name not in trusted
    ]
    found += [
        f"{what}: generation {name!r} is in issuers and in kept_in_state; it is one of them"
        for name in sorted(set(issuers) & set(kept))
    ]
    return found
