"""A data plane's own settings towards upstreams: what holds for a Service that says nothing itself.

`nginx_proxy_<directive>` puts a directive of nginx's into the proxy's server block, `nginx_sproxy_<directive>` into
those of TLS streams (Kong/kong kong/conf_loader/constants.lua). A Service's own settings win over all of them
(Kong/kong kong/runloop/upstream_ssl.lua).
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .. import names
from ..args import SecretRefArgs, TrustRefArgs
from ..errors import InputError
from ..inputs import choice
from ..service_annotations import ENFORCED_FROM, depth_problem
from .pods import Files

FORMS = ("client_ssl", "nginx")
ENFORCEABLE_FROM = (3, 13)
"""`tls_certificate_verify` is new in 3.13, off there and on from 3.14 (Kong docs, `kong.conf` reference of each)."""

_VERIFY = "nginx_proxy_proxy_ssl_verify"
_DEPTH = "nginx_proxy_proxy_ssl_verify_depth"
_TRUSTED = "nginx_proxy_proxy_ssl_trusted_certificate"
_NGINX_PAIR = ("nginx_proxy_proxy_ssl_certificate", "nginx_proxy_proxy_ssl_certificate_key")
_CLIENT_PAIR = ("client_ssl_cert", "client_ssl_cert_key")
_ENFORCE = "tls_certificate_verify"

# The same directives where gRPC and TLS streams are proxied: nginx keeps them apart.
_VERIFIERS = ("nginx_proxy_proxy_ssl", "nginx_proxy_grpc_ssl", "nginx_sproxy_proxy_ssl")


class TrustSecretArgs(TypedDict):
    """A Secret in the namespace of its reader with CA certificates in PEM, one or several."""

    name: pulumi.Input[str]
    """Its name."""
    key: NotRequired[str]
    """The key with the PEM; default `ca.crt`."""
    checksum: NotRequired[pulumi.Input[str]]
    """Changes when the content changes, so that pods that read it roll."""


class UpstreamDefaultsArgs(TypedDict):
    """How a data plane speaks TLS to upstreams that have no settings of their own; also to gRPC and TLS streams."""

    verify: NotRequired[bool]
    """Check upstreams' certificates and names; default true, which needs `trust` or `trust_secret`."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates a chain may have, 0 to 64; default nginx's, 1."""
    trust: NotRequired[TrustRefArgs]
    """ConfigMap with the CAs that upstreams' certificates are under."""
    trust_secret: NotRequired[TrustSecretArgs]
    """Instead: a Secret with them."""
    client_certificate: NotRequired[SecretRefArgs]
    """TLS Secret (tls.crt, tls.key) to show to upstreams that ask for a certificate."""
    form: NotRequired[str]
    """How the pair is set. `client_ssl` (default): Kong's own setting, also for gRPC and TLS streams. `nginx`: the
    directives `proxy_ssl_certificate` and `_key`, for HTTP alone."""
    enforce: NotRequired[bool]
    """Kong's `tls_certificate_verify`, Enterprise from 3.13: no Service and no plugin may switch verification off.
    Default the gateway's: off in 3.13, on from 3.14. Control plane and data planes must agree."""


def upstream_env(
    defaults: UpstreamDefaultsArgs | None, files: Files, edition: str, gateway: tuple[int, int]
) -> dict[str, pulumi.Input[str]]:
    """Environment of a data plane's links to its upstreams; empty without settings.

    Args:
        defaults: the settings.
        files: what the pods mount; trust and pair are added.
        edition: `enterprise` or `oss`.
        gateway: major and minor version.

    Raises:
        InputError: what can't work, by name.
    """
    if defaults is None:
        return {}
    problems = defaults_problems(defaults, edition, gateway)
    if problems:
        raise InputError("; ".join(problems))
    env: dict[str, pulumi.Input[str]] = {}
    if defaults.get("verify", True):
        trusted = _trusted(defaults, files)
        for stem in _VERIFIERS:
            env[f"{stem}_verify"] = "on"
            env[f"{stem}_trusted_certificate"] = trusted
            if defaults.get("verify_depth") is not None:
                env[f"{stem}_verify_depth"] = str(defaults["verify_depth"])
    else:
        env |= {f"{stem}_verify": "off" for stem in _VERIFIERS}
    pair = defaults.get("client_certificate")
    if pair is not None:
        name = files.secret(pair, "upstream-client-cert")
        client_ssl = defaults.get("form", FORMS[0]) == "client_ssl"
        if client_ssl:
            env["client_ssl"] = "on"
        certificate, key = _CLIENT_PAIR if client_ssl else _NGINX_PAIR
        env |= {certificate: names.secret_path(name, "tls.crt"), key: names.secret_path(name, "tls.key")}
    return {**env, **enforcement_env(defaults.get("enforce"))}


def enforcement_env(enforce: bool | None) -> dict[str, pulumi.Input[str]]:
    """``tls_certificate_verify``, on control plane and data planes alike; empty leaves it to the gateway."""
    return {} if enforce is None else {_ENFORCE: "on" if enforce else "off"}


def is_enforced(enforce: bool | None, edition: str, gateway: tuple[int, int]) -> bool:
    """Whether the gateway lets nobody switch verification off."""
    return enforce if enforce is not None else edition == "enterprise" and gateway >= ENFORCED_FROM


def _trusted(defaults: UpstreamDefaultsArgs, files: Files) -> pulumi.Input[str]:
    bundle = defaults.get("trust")
    if bundle is not None:
        return files.trust(bundle, "upstream")
    secret = defaults["trust_secret"]
    ref: SecretRefArgs = {"name": secret["name"]}
    if secret.get("checksum") is not None:
        ref["checksum"] = secret["checksum"]
    return names.secret_path(files.secret(ref, "upstream-trust"), secret.get("key") or "ca.crt")


def defaults_problems(defaults: UpstreamDefaultsArgs, edition: str, gateway: tuple[int, int]) -> list[str]:
    """Why the settings can't work, each naming the field, its value and what is allowed."""
    problems = depth_problem(defaults.get("verify_depth"), "upstream.verify_depth")
    trusts = [key for key in ("trust", "trust_secret") if defaults.get(key) is not None]
    if len(trusts) == 2:
        problems.append("upstream: trust and trust_secret exclude each other")
    verify = defaults.get("verify", True)
    if verify and not trusts:
        problems.append(
            "upstream: verification needs trust or trust_secret: nginx doesn't start with `proxy_ssl_verify on` and no "
            "`proxy_ssl_trusted_certificate`"
        )
    if not verify and trusts:
        problems.append(f"upstream: {trusts[0]} is not used with verify false")
    form = defaults.get("form", FORMS[0])
    try:
        choice(form, FORMS, "upstream.form")
    except InputError as error:
        problems.append(str(error))
    if defaults.get("form") is not None and defaults.get("client_certificate") is None:
        problems.append(f"upstream.form: {form!r} says how client_certificate is set, and there is none")
    return [*problems, *_enforcement(defaults, edition, gateway)]


def enforce_problems(enforce: bool | None, edition: str, gateway: tuple[int, int]) -> list[str]:
    """Why ``tls_certificate_verify`` can't be set."""
    if enforce is not None and (edition != "enterprise" or gateway < ENFORCEABLE_FROM):
        return [
            f"upstream.enforce: `tls_certificate_verify` is known to the Enterprise gateway from 3.13, not to "
            f"{edition} {gateway[0]}.{gateway[1]}, which would ignore it without a word; leave it out"
        ]
    return []


def _enforcement(defaults: UpstreamDefaultsArgs, edition: str, gateway: tuple[int, int]) -> list[str]:
    enforce, version = defaults.get("enforce"), f"{gateway[0]}.{gateway[1]}"
    problems = enforce_problems(enforce, edition, gateway)
    if problems:
        return problems
    if is_enforced(enforce, edition, gateway) and not defaults.get("verify", True):
        default = " by default" if enforce is None else ""
        return [
            f"upstream.verify: false contradicts `tls_certificate_verify`, which is on{default} in gateway {version}; "
            "verify, or set upstream.enforce to false, on purpose"
        ]
    return []


def environment_problems(env: Mapping[str, Any], edition: str, gateway: tuple[int, int]) -> list[str]:
    """What is wrong with the upstream settings of a whole environment, the user's own values among it."""
    problems = []
    for stem in _VERIFIERS:
        problems += _depth_text(env.get(f"{stem}_verify_depth"), f"env.{stem}_verify_depth")
        if env.get(f"{stem}_verify") == "on" and env.get(f"{stem}_trusted_certificate") is None:
            problems.append(
                f"env.{stem}_verify: on needs {stem}_trusted_certificate: nginx doesn't start without (\"no "
                'proxy_ssl_trusted_certificate for proxy_ssl_verify")'
            )
    for certificate, key in (_NGINX_PAIR, _CLIENT_PAIR):
        if (env.get(certificate) is None) != (env.get(key) is None):
            problems.append(f"env: {certificate} and {key} go together; one of them is missing")
    if env.get(_NGINX_PAIR[0]) is not None and env.get("client_ssl") == "on":
        problems.append(
            f"env: client_ssl and {_NGINX_PAIR[0]} are two forms of one setting, of which Kong's own wins in every "
            "location; use one"
        )
    if env.get(_CLIENT_PAIR[0]) is not None and env.get("client_ssl") != "on":
        problems.append(f'env.{_CLIENT_PAIR[0]}: not used unless client_ssl is "on"')
    if env.get(_ENFORCE) is not None and (edition != "enterprise" or gateway < ENFORCEABLE_FROM):
        problems.append(
            f"env.{_ENFORCE}: known to the Enterprise gateway from 3.13; {edition} {gateway[0]}.{gateway[1]} ignores "
            "it without a word"
        )
    return problems


def _depth_text(value: Any, what: str) -> list[str]:
    if value is None or isinstance(value, pulumi.Output):
        return []
    text = str(value)
    return depth_problem(int(text) if text.lstrip("-").isdecimal() else text, what)
