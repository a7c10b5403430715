"""Every way in which the ingress controller, or Kong behind it, leaves out what a manifest asks for.

One entry for each code: what it means, and whether it stops what was meant to protect (``opens``), breaks
something that then refuses (``breaks``), or is only a statement without effect (``ignored``). Sources are
files of Kong/kubernetes-ingress-controller unless named otherwise.
"""

from __future__ import annotations

from typing import Literal

from kong_mtls.reader.kic.model import Failure

Effect = Literal["opens", "breaks", "ignored"]

FAILURES: dict[str, tuple[Effect, str]] = {
    # Annotations (internal/annotations/annotations.go, dataplane/kongstate/{service,route}.go)
    "legacy-annotation-prefix": ("opens", "annotations of configuration.konghq.com/ are read by nobody"),
    "service-protocol-invalid": ("opens", "konghq.com/protocol holds no known protocol: Kong speaks http"),
    "tls-verify-not-boolean": ("opens", "konghq.com/tls-verify is no boolean of Go's: it counts as not set"),
    "tls-verify-depth-not-integer": ("ignored", "konghq.com/tls-verify-depth is no integer: not set"),
    "tls-verify-depth-out-of-range": ("breaks", "Kong refuses a depth outside 0 to 64"),
    "protocols-invalid": ("breaks", "an unknown protocol: Kong refuses the route"),
    "protocols-mixed": ("opens", "grpc and http protocols together become http and https: plain HTTP passes"),
    "snis-invalid": ("opens", "konghq.com/snis holds no host name: the controller drops the whole list"),
    "preserve-host-invalid": ("ignored", "konghq.com/preserve-host is neither true nor false: it stays true"),
    "https-redirect-code-invalid": ("ignored", "a redirect code Kong doesn't know: it stays 426"),
    "services-inconsistent": ("breaks", "Services of one backend with different annotations are dropped"),
    "service-missing": ("breaks", "a route's Service is not there"),
    "service-port-missing": ("breaks", "the Service has no such port"),
    "backend-invalid": ("breaks", "a route's backend is no Service"),
    "backend-not-granted": ("breaks", "a backend in another namespace without a ReferenceGrant is skipped"),
    "backend-tls-policies-many": ("opens", "more than one BackendTLSPolicy for a Service: all are left out"),
    # Upstream TLS (dataplane/translator/{ingressrules,translate_certs}.go)
    "client-cert-missing": ("breaks", "the Secret is not there: Kong shows no client certificate"),
    "client-cert-other-namespace": ("breaks", "ns/name is not understood: Kong shows no client certificate"),
    "client-cert-non-tls-protocol": ("breaks", "a client certificate for a protocol without TLS is dropped"),
    "client-cert-bad-pair": ("breaks", "no matching pair in the Secret: Kong refuses the service"),
    "service-tls-refused": ("breaks", "Kong's schema takes TLS settings only for https and tls"),
    "ca-certificates-without-verify": ("opens", "CA certificates without tls-verify true are dropped"),
    "ca-certificates-non-tls-protocol": ("opens", "CA certificates for a protocol without TLS are dropped"),
    "service-ca-missing": ("opens", "the CA object is not there: verification goes on with global trust"),
    "service-ca-not-watched": ("opens", "the controller doesn't see a ConfigMap without the label"),
    "service-ca-no-id": ("opens", "a CA object without id can't be referred to: global trust is used"),
    "service-ca-dangling": ("opens", "the id is passed on but no such CA certificate is in Kong"),
    # CA objects (dataplane/translator/translate_cacerts.go; Kong/kong db/schema/entities/ca_certificates.lua)
    "ca-object-unlabelled": ("breaks", 'without the label konghq.com/ca-cert: "true" it never reaches Kong'),
    "ca-object-no-class": ("ignored", "Kong's documentation asks for the class annotation"),
    "ca-object-no-id": ("breaks", "data has no id"),
    "ca-object-id-not-uuid": ("breaks", "Kong refuses an id that is no UUID"),
    "ca-object-duplicate-id": ("breaks", "another object has the same id; the oldest wins"),
    "ca-object-duplicate-certificate": ("breaks", "Kong refuses one certificate under two ids"),
    "ca-object-no-cert": ("breaks", "data has neither cert nor ca.crt (tls.crt is not read)"),
    "ca-object-not-pem": ("breaks", "not a PEM certificate"),
    "ca-object-private-key": ("breaks", "a PEM block that is no certificate, such as a private key"),
    "ca-object-several-certificates": ("breaks", "more than one certificate"),
    "ca-object-not-ca": ("breaks", "the certificate isn't an authority's"),
    "ca-object-expired": ("breaks", "the certificate has expired"),
    "ca-object-not-yet-valid": ("breaks", "not valid yet: Kong takes it, and verifies nothing with it"),
    # Plugins (dataplane/kongstate/{kongstate,plugin}.go)
    "plugin-missing": ("opens", "no KongPlugin or KongClusterPlugin of that name: left out"),
    "plugin-reference-invalid": ("opens", "half a reference (ns: or :name) is skipped without a word"),
    "plugin-not-granted": ("opens", "a plugin of another namespace without a ReferenceGrant is left out"),
    "plugin-config-invalid": ("opens", "the plugin's configuration can't be put together: it is left out"),
    "plugin-config-refused": ("opens", "Kong's schema refuses the configuration: the plugin isn't made"),
    "plugin-consumer-refused": ("opens", "this plugin can't be bound to a consumer: Kong refuses it"),
    "plugin-disabled": ("opens", "the plugin is switched off and still asked for"),
    "plugin-ca-dangling": ("breaks", "the CA isn't in Kong: every client certificate gets a 500"),
    "cluster-plugin-no-class": ("opens", "a KongClusterPlugin without the class is never read"),
    "global-plugin-duplicate": ("opens", "two global plugins of one type: the controller drops both"),
    # Classes (store/store.go, controllers/utils/ingress_predicates.go)
    "ingress-class-missing": ("breaks", "no class and no default class: the Ingress is passed over"),
    "namespace-not-watched": ("opens", "the controller is told to watch other namespaces only"),
    "gateway-missing": ("breaks", "no parent Gateway of Kong's class is in the files"),
    "httproute-invalid": ("breaks", "the controller can't translate the HTTPRoute"),
    # Consumers (dataplane/kongstate/{kongstate,credentials}.go, internal/util/credential.go)
    "consumer-no-class": ("breaks", "a KongConsumer without the class is passed over"),
    "consumer-nameless": ("breaks", "neither username nor custom_id"),
    "consumer-duplicate": ("breaks", "one username or custom_id twice: Kong refuses the second"),
    "consumer-group-missing": ("ignored", "the KongConsumerGroup is not there"),
    "credential-missing": ("breaks", "the credential's Secret is not in the consumer's namespace"),
    "credential-unlabelled": ("breaks", "the Secret has no label konghq.com/credential"),
    "credential-type-unknown": ("breaks", "konghq.com/credential holds no known type"),
    "credential-incomplete": ("breaks", "a required key is missing from the Secret"),
    "credential-ca-certificate": ("breaks", "ca_certificate can't be given: the credential is dropped"),
    "credential-unused": ("ignored", "no KongConsumer lists this credential"),
    # Server certificates (dataplane/translator/{ingressrules,translate_certs}.go)
    "server-certificate-missing": ("breaks", "the Secret is not there: the default certificate is shown"),
    "server-certificate-bad-pair": ("breaks", "no matching pair in the Secret: the default is shown"),
    "server-certificate-no-hosts": ("breaks", "an Ingress tls entry without hosts or Secret is passed over"),
    "server-certificate-conflict": ("breaks", "two certificates claim one server name: one is served"),
}  # fmt: skip


class Failures:
    """Collects failures of one translation; asked twice for the same, it keeps one."""

    def __init__(self) -> None:
        """Start empty."""
        self._found: dict[Failure, None] = {}

    def add(self, code: str, object: str, message: str, subject: str = "") -> None:  # noqa: A002
        """Note a failure. The code must be one of `FAILURES`."""
        if code not in FAILURES:
            raise KeyError(code)
        self._found[Failure(code, object, message, subject)] = None

    def result(self) -> tuple[Failure, ...]:
        """All of them, sorted by object, then code."""
        return tuple(sorted(self._found, key=lambda f: (f.object, f.code, f.subject, f.message)))
