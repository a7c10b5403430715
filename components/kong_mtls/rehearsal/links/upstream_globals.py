"""What a data plane injects towards upstreams for all Services: verification, depth, trust, its own pair.

Sources: Kong/kong kong.conf.default ("Nginx injected directives": ``nginx_proxy_<x>`` and ``nginx_http_<x>``) and
kong/templates/nginx_kong.lua (``client_ssl`` writes the pair into each location, so it wins over an injected one, and
covers gRPC too); nginx for defaults and for what it refuses to start with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kong_mtls.reader.chart import KongRelease
from kong_mtls.reader.manifests import Objects

from .client_gateways import Gateway, directive, is_enterprise
from .settings import Broken, Settings, Unproved

NGINX_DEFAULT = "nginx's default"


@dataclass(frozen=True)
class Global:
    """What a data plane goes by where a Service says nothing.

    Attributes:
        verify, depth: with `verify_source` and `depth_source`.
        trust_pem: whom it trusts; None when nobody.
        pair: its certificate and key; None when it shows none.
        pair_asked: whether a pair is set at all, even one that can't be used.
        problem: why nginx won't start with these settings; empty when it will.
        unknown: what of them can't be seen in the files; empty when all can.
        enforced: whether ``tls_certificate_verify`` forbids Services to switch verification off.
    """

    verify: bool = False
    verify_source: str = NGINX_DEFAULT
    depth: int = 1
    depth_source: str = NGINX_DEFAULT
    trust_pem: bytes | None = field(default=None, repr=False)
    trust_source: str = NGINX_DEFAULT
    pair: tuple[bytes, bytes] | None = field(default=None, repr=False)
    pair_source: str = NGINX_DEFAULT
    pair_asked: bool = False
    problem: str = ""
    unknown: str = ""
    enforced: bool = False


class _Injected:
    """The directives of one family (``proxy_ssl`` or ``grpc_ssl``) that a release injects."""

    def __init__(self, release: KongRelease, objects: Objects, family: str) -> None:
        self._release, self._objects, self.family = release, objects, family
        self._kong = Settings(release, objects)

    def text(self, name: str) -> str | None:
        """A directive's value; None when it isn't set."""
        content = directive(self._release, f"{self.family}_{name}", self._objects)
        if content is None:
            return None
        if content.text is None:
            raise (Broken if content.known else Unproved)(f"{self.family}_{name}: {content.origin}")
        return content.text.strip()

    def source(self, name: str) -> str:
        return f"{self.family}_{name} of {self._release.title}"

    def readers(self) -> dict[str, Callable[[], tuple[Any, str]]]:
        """How each field of `Global` is read, with its source."""
        return {"verify": self.verify, "depth": self.depth, "trust_pem": self.trust, "pair": self.pair}

    def asks_for_pair(self) -> bool:
        """Whether either form of the pair is begun."""
        forms = (f"KONG_NGINX_PROXY_{self.family.upper()}_CERTIFICATE", "KONG_CLIENT_SSL_CERT")
        return any(self._release.env_content(key, self._objects) is not None for key in forms)

    def verify(self) -> tuple[bool, str]:
        value = self.text("verify")
        if value is None:
            return False, NGINX_DEFAULT
        if value not in ("on", "off"):
            raise Broken(f"{self.family}_verify {value!r}: nginx takes on or off and won't start")
        return value == "on", self.source("verify")

    def depth(self) -> tuple[int, str]:
        value = self.text("verify_depth")
        if value is None:
            return 1, NGINX_DEFAULT
        if not value.isdigit():
            raise Broken(f'{self.family}_verify_depth {value!r}: nginx says "invalid number" and won\'t start')
        return int(value), self.source("verify_depth")

    def trust(self) -> tuple[bytes | None, str]:
        path = self.text("trusted_certificate")
        if path is None:
            return None, NGINX_DEFAULT
        content = self._release.file_content(path, self._objects)
        if content.data is None:
            raise (Broken if content.known else Unproved)(f"{self.family}_trusted_certificate: {content.origin}")
        return content.data, f"{self.source('trusted_certificate')} ({content.origin})"

    def pair(self) -> tuple[tuple[bytes, bytes] | None, str]:
        if self._kong.flag("client_ssl"):
            both = self._kong.pem("client_ssl_cert"), self._kong.pem("client_ssl_cert_key")
            return both, f"client_ssl of {self._release.title}"
        cert, key = self.text("certificate"), self.text("certificate_key")
        if cert is None:
            return None, NGINX_DEFAULT
        if key is None:
            raise Broken(f"{self.family}_certificate without {self.family}_certificate_key: nginx won't start")
        contents = [self._release.file_content(path, self._objects) for path in (cert, key)]
        for content in contents:
            if content.data is None:
                raise (Broken if content.known else Unproved)(f"{self.family}_certificate: {content.origin}")
        return (contents[0].data or b"", contents[1].data or b""), (
            f"{self.source('certificate')} ({contents[0].origin})"
        )


def _is_enforced(release: KongRelease, objects: Objects) -> bool:
    version = release.image.version
    if not is_enterprise(release) or version is None or version < (3, 13, 0):
        return False
    return Settings(release, objects).flag("tls_certificate_verify", "on" if version >= (3, 14, 0) else "off")


def global_settings(gateway: Gateway, objects: Objects, protocol: str) -> Global:
    """What a gateway injects for one protocol; nginx's defaults for a gateway outside the files."""
    release = gateway.release
    if release is None:
        outside = f"{NGINX_DEFAULT} (the data plane isn't in these files)"
        return Global(verify_source=outside, depth_source=outside, trust_source=outside, pair_source=outside)
    injected = _Injected(release, objects, "grpc_ssl" if protocol == "grpcs" else "proxy_ssl")
    found, problems, unknowns = Global(pair_asked=injected.asks_for_pair()), [], []
    for field_, read in injected.readers().items():
        try:
            value, source = read()
        except Broken as e:
            problems.append(f"Kong can't start: {e}")
        except Unproved as e:
            unknowns.append(str(e))
        else:
            named = field_.removesuffix("_pem")
            found = replace(found, **{field_: value, f"{named}_source": source})
    try:
        found = replace(found, enforced=_is_enforced(release, objects))
    except (Broken, Unproved) as e:
        unknowns.append(str(e))
    if found.verify and found.trust_pem is None and not problems and not unknowns:
        # ngx_http_proxy_set_ssl in src/http/modules/ngx_http_proxy_module.c
        problems.append(f"Kong can't start: no {injected.family}_trusted_certificate for its verify")
    return replace(found, problem="; ".join(problems), unknown="; ".join(unknowns))
