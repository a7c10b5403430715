"""Consumers and their mtls-auth credentials."""

from __future__ import annotations

from kong_mtls.reader.kic import Failure
from kong_mtls.reader.manifests import key_of

from ..context import Context
from ..existing import Presence
from ..failures import KIC, failure_rule

_KONGSTATE = KIC + "internal/dataplane/kongstate/kongstate.go (FillConsumersAndCredentials)"
_CREDENTIALS = KIC + "internal/dataplane/kongstate/credentials.go"
_REFUSED = "Kong knows no consumer for these certificates: their owners get 401"


def _not_elsewhere(context: Context, failure: Failure) -> bool:
    namespace = key_of(context.by_ident[failure.object])[1]
    declared = context.declared_by(failure.object)
    return context.inventory.presence("Secret", namespace, failure.subject, declared) is Presence.MISSING


failure_rule(
    "client-consumer-class",
    "error",
    "A KongConsumer lacks the ingress class annotation",
    codes=("consumer-no-class",),
    effect=f"The controller passes over it without a word. {_REFUSED}.",
    fix="Annotate it kubernetes.io/ingress.class: <the controller's class>.",
    source=KIC + "internal/store/store.go (ListKongConsumers)",
    scope="object",
)

failure_rule(
    "client-consumer-nameless",
    "error",
    "A KongConsumer has neither username nor custom_id",
    codes=("consumer-nameless",),
    effect=f"The controller drops it. {_REFUSED}.",
    fix="Give it a username or a custom_id.",
    source=_KONGSTATE,
    scope="object",
)

failure_rule(
    "client-consumer-twice",
    "error",
    "Two KongConsumers have one username or custom_id",
    codes=("consumer-duplicate",),
    effect="Kong refuses the second, in DB mode the whole synchronisation with it.",
    fix="Give each consumer its own name; one consumer may have several credentials.",
    source="Kong/kong kong/db/schema/entities/consumers.lua",
)

failure_rule(
    "client-consumer-group",
    "warning",
    "A KongConsumer names a group that isn't there",
    codes=("consumer-group-missing",),
    effect="The consumer is made without that group; what is granted or limited by group doesn't apply to it.",
    fix="Create the KongConsumerGroup in the consumer's namespace.",
    source=_KONGSTATE,
)

failure_rule(
    "client-credential-missing",
    "error",
    "A consumer's credential Secret isn't there",
    codes=("credential-missing",),
    only=_not_elsewhere,
    effect="The consumer is made without this credential (and the admission webhook refuses to create it). "
    f"{_REFUSED}.",
    fix="Create the Secret in the consumer's namespace, before the consumer.",
    source=_KONGSTATE,
)

failure_rule(
    "client-credential-label",
    "error",
    "A credential Secret lacks the label konghq.com/credential",
    codes=("credential-unlabelled",),
    effect=f"The type can't be told, and the credential is dropped (kongCredType isn't read since 3.2.0). {_REFUSED}.",
    fix="Label the Secret konghq.com/credential: mtls-auth.",
    source=KIC + "internal/util/credential.go",
)

failure_rule(
    "client-credential-type",
    "error",
    "A credential Secret's type is none that the controller knows",
    codes=("credential-type-unknown",),
    effect=f"The credential is dropped. {_REFUSED}.",
    fix="Label the Secret konghq.com/credential: mtls-auth.",
    source=_KONGSTATE,
)

failure_rule(
    "client-credential-subject",
    "error",
    "A credential Secret lacks a key it needs",
    codes=("credential-incomplete",),
    effect=f"The credential is dropped. {_REFUSED}.",
    fix="An mtls-auth credential needs the key subject_name: a SAN or the CN of the certificate.",
    source=_CREDENTIALS,
)

failure_rule(
    "client-credential-field",
    "error",
    "A credential Secret holds a field the controller can't decode",
    codes=("credential-ca-certificate",),
    effect="ca_certificate is a reference in Kong and a string here: decoding fails, and the whole credential is "
    f"dropped. {_REFUSED}.",
    fix="Remove ca_certificate; which CAs count is said by the plugin.",
    source=_CREDENTIALS,
)

failure_rule(
    "client-credential-unused",
    "warning",
    "A credential Secret belongs to no consumer",
    codes=("credential-unused",),
    only=lambda context, _: context.all_judged("KongConsumer"),
    effect="Nobody is recognised by it.",
    fix="List it among the credentials of a KongConsumer in its namespace, or remove it.",
    source=_KONGSTATE,
)
