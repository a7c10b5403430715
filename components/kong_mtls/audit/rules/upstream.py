"""Upstream TLS by annotations of Services: what reaches Kong, and what Kong makes of it."""

from __future__ import annotations

from kong_mtls.reader.kic import Failure
from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.manifests import key_of

from ..context import Context
from ..existing import Presence
from ..failures import KIC, KONG, failure_rule

_RULES = KIC + "internal/dataplane/translator/ingressrules.go"
_ANNOTATIONS = KIC + "internal/annotations/annotations.go"
_SCHEMA = KONG + "kong/db/schema/entities/services.lua"
_BARE = "Kong connects without a client certificate: an upstream that demands one refuses, one that doesn't lets it by"
_GLOBAL = "verification goes on with the data plane's global trust alone, or against no CA at all"


def _protocol_said(context: Context, failure: Failure) -> bool:
    """Of a Service that is only patched here, the protocol may stand in the part we don't see."""
    service = context.by_ident.get(failure.object)
    return service is None or not context.objects.is_partial(service) or "protocol" in ann.kong(service)


def _secret_missing(context: Context, failure: Failure) -> bool:
    service = context.by_ident[failure.object]
    name = ann.kong(service).get("client-cert", "")
    declared = context.declared_by(failure.object)
    return context.inventory.presence("Secret", key_of(service)[1], name, declared) is Presence.MISSING


def _ca_missing(context: Context, failure: Failure) -> bool:
    service = context.by_ident[failure.object]
    namespace, declared = key_of(service)[1], context.declared_by(failure.object)
    listed = ann.comma_list(ann.kong(service).get("ca-certificates-secrets", ""))
    kind = "Secret" if failure.subject in listed else "ConfigMap"
    return context.inventory.presence(kind, namespace, failure.subject, declared) is Presence.MISSING


failure_rule(
    "upstream-dead-prefix",
    "error",
    "An annotation has the prefix configuration.konghq.com/",
    codes=("legacy-annotation-prefix",),
    effect="Old guides have it; no controller since 1.0.0 reads it, and none says so. What it asks for doesn't happen.",
    fix="Write konghq.com/ in place of configuration.konghq.com/.",
    source=_ANNOTATIONS,
    scope="object",
)

failure_rule(
    "upstream-protocol-invalid",
    "error",
    "konghq.com/protocol holds something else than Kong's protocols",
    codes=("service-protocol-invalid",),
    effect="The controller notes a failure and Kong speaks plain http to the Service; upper case counts as unknown.",
    fix="Write `https` (or `tls`), in lower case.",
    source=KIC + "internal/dataplane/kongstate/service.go",
    scope="object",
)

failure_rule(
    "upstream-verify-ignored",
    "error",
    "konghq.com/tls-verify holds no boolean",
    codes=("tls-verify-not-boolean",),
    effect="The controller takes it for not set and says nothing: Kong doesn't verify the upstream unless the global "
    "setting does.",
    fix='Write "true".',
    source=_ANNOTATIONS + " (strconv.ParseBool)",
    scope="object",
)

failure_rule(
    "upstream-depth-ignored",
    "error",
    "konghq.com/tls-verify-depth holds no integer",
    codes=("tls-verify-depth-not-integer",),
    effect="The controller takes it for not set and says nothing; chains with more intermediates than the global "
    "depth (1) are refused.",
    fix="Write an integer from 0 to 64, in quotes.",
    source=_ANNOTATIONS + " (strconv.Atoi)",
    scope="object",
)

failure_rule(
    "upstream-depth-range",
    "error",
    "konghq.com/tls-verify-depth is outside 0 to 64",
    codes=("tls-verify-depth-out-of-range",),
    effect="The controller passes it on; Kong refuses the service, in DB mode the whole synchronisation with it.",
    fix="Write an integer from 0 to 64, in quotes.",
    source=_SCHEMA,
    scope="object",
)

failure_rule(
    "upstream-preserve-host-ignored",
    "error",
    "konghq.com/preserve-host is neither true nor false",
    codes=("preserve-host-invalid",),
    effect="It stays true: Kong verifies the upstream's certificate against the client's Host.",
    fix='Write "false".',
    source=KIC + "internal/dataplane/kongstate/route.go",
    scope="object",
)

failure_rule(
    "upstream-tls-without-https",
    "error",
    "A Service has TLS annotations, and a protocol without TLS",
    codes=("client-cert-non-tls-protocol", "ca-certificates-non-tls-protocol", "service-tls-refused"),
    only=_protocol_said,
    effect="Without konghq.com/protocol: https (or tls) the controller drops the client certificate and the CAs; what "
    "is left (tls-verify) Kong's schema refuses. Requests cross the network in clear, or not at all.",
    fix="Annotate the Service konghq.com/protocol: https.",
    source=_RULES + "; " + _SCHEMA,
    scope="object",
)

failure_rule(
    "upstream-client-cert-missing",
    "error",
    "The Secret of konghq.com/client-cert isn't in the Service's namespace",
    codes=("client-cert-missing",),
    only=_secret_missing,
    effect=f"The controller fails open: {_BARE}.",
    fix="Create the TLS Secret in the Service's own namespace; a copy for each namespace.",
    source=_RULES + " (handleServiceClientCertificates)",
)

failure_rule(
    "upstream-client-cert-namespace",
    "error",
    "konghq.com/client-cert names a namespace",
    codes=("client-cert-other-namespace",),
    effect=f"`namespace/name` isn't understood; it is taken for a Secret's name that can't exist. {_BARE}.",
    fix="Copy the Secret into the Service's namespace and name it alone.",
    source=_RULES + " (handleServiceClientCertificates)",
)

failure_rule(
    "upstream-client-cert-pair",
    "error",
    "The Secret of konghq.com/client-cert holds no matching pair",
    codes=("client-cert-bad-pair",),
    effect="The certificate never reaches Kong, the Service points to it all the same: Kong refuses the service, in "
    "DB mode the whole synchronisation with it.",
    fix="Put certificate and key that belong together under tls.crt and tls.key, the key unencrypted.",
    source=KIC + "internal/dataplane/translator/translate_certs.go",
)

failure_rule(
    "upstream-ca-without-verify",
    "error",
    "A Service names CA certificates without tls-verify",
    codes=("ca-certificates-without-verify",),
    effect="The controller drops the CAs: the upstream isn't verified.",
    fix='Annotate the Service konghq.com/tls-verify: "true".',
    source=_RULES + " (handleServiceCACertificates)",
)

failure_rule(
    "upstream-ca-missing",
    "error",
    "A CA object that a Service names isn't in its namespace",
    codes=("service-ca-missing",),
    only=_ca_missing,
    effect=f"The controller leaves it out, tls_verify stays on: {_GLOBAL}.",
    fix="Create the CA object in the Service's namespace (a copy has the same id and PEM).",
    source=_RULES + " (handleServiceCACertificates)",
)

failure_rule(
    "upstream-ca-no-id",
    "error",
    "A CA object that a Service names has no id",
    codes=("service-ca-no-id",),
    only=lambda context, _: not context.hidden_ids,
    effect=f"The controller leaves it out, tls_verify stays on: {_GLOBAL}.",
    fix="Add the key `id` with a UUID.",
    source=_RULES + " (handleServiceCACertificates)",
)

failure_rule(
    "upstream-ca-unlabelled",
    "error",
    "A Service names a CA object that never reaches Kong",
    codes=("service-ca-dangling", "service-ca-not-watched"),
    only=lambda context, failure: not context.hidden_ids or failure.code == "service-ca-not-watched",
    effect="Without its label (or with a certificate the controller refuses) the id is passed on, and no such CA is "
    f"in Kong; there is no failure to be seen. In the end {_GLOBAL}.",
    fix='Label the object konghq.com/ca-cert: "true", and see that it holds one valid CA certificate.',
    source=_RULES + "; " + KIC + "internal/store/store.go (ListCACerts)",
)

failure_rule(
    "upstream-inconsistent",
    "error",
    "Services behind one route differ in their konghq.com annotations",
    codes=("services-inconsistent",),
    effect="The controller drops the Kong service and all routes to it.",
    fix="Give all Services of one backend the same konghq.com/ annotations.",
    source=_RULES + " (collectInconsistentAnnotations)",
)

failure_rule(
    "upstream-policy-twice",
    "error",
    "Several BackendTLSPolicies target one Service",
    codes=("backend-tls-policies-many",),
    effect="The controller leaves all of them out: Kong speaks plain http, or doesn't verify.",
    fix="Keep one.",
    source=_RULES + " (handleBackendTLSPolices)",
)
