"""A data plane that demands a client certificate for everything it serves, in any edition.

`nginx_proxy_<directive>` puts a directive into the proxy's server block (Kong docs, "Inject Nginx directives"). nginx
then answers 400 to a client without a certificate, or with another CA's, before Kong sees the request
(nginx, ngx_http_ssl_module, `ssl_verify_client`). On a plain port of the same block nothing is verified
(nginx, src/http/ngx_http_request.c, ``ngx_http_process_request``), so there may be none.
"""

from collections.abc import Mapping
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .. import names
from ..args import SecretRefArgs
from ..errors import InputError
from .pods import Files
from .upstream import TrustSecretArgs

TRUST_KEY = "ca.crt"
_VERIFY = "nginx_proxy_ssl_verify_client"
_TRUST = "nginx_proxy_ssl_client_certificate"
_DEPTH = "nginx_proxy_ssl_verify_depth"

PROTECTED: Mapping[str, str] = dict.fromkeys(
    (f"env.{_VERIFY}", f"env.{_TRUST}", f"env.{_DEPTH}"), "set `client_verification`"
)
"""What the user's own values can't change."""


class ClientVerificationArgs(TypedDict):
    """Demand a client certificate for everything that the data plane serves."""

    trust: TrustSecretArgs
    """Secret with the CAs that client certificates are under."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates a chain may have; default nginx's, 1."""


def listener_env(
    verification: ClientVerificationArgs | None, files: Files, plain_http: bool
) -> dict[str, pulumi.Input[str]]:
    """Environment of a data plane that verifies its clients; empty without settings.

    Args:
        verification: the settings.
        files: what the pods mount; the trust is added.
        plain_http: whether the data plane listens without TLS as well.

    Raises:
        InputError: what can't work, by name.
    """
    if verification is None:
        return {}
    if plain_http:
        raise InputError(
            "client_verification: proxy.http is on, and a plain port verifies nobody: what the listener refuses would "
            "pass there; switch it off"
        )
    depth = verification.get("verify_depth")
    if depth is not None and depth < 0:
        raise InputError(f"client_verification.verify_depth: {depth} is no depth; allowed: 0 or more")
    secret = verification["trust"]
    ref: SecretRefArgs = {"name": secret["name"]}
    if secret.get("checksum") is not None:
        ref["checksum"] = secret["checksum"]
    trusted = names.secret_path(files.secret(ref, "client-trust"), secret.get("key") or TRUST_KEY)
    env = {_VERIFY: "on", _TRUST: trusted}
    return env if depth is None else {**env, _DEPTH: str(depth)}
