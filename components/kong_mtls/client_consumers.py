"""Who calls: consumers, and the credentials and groups by which certificates and rules find them.

A certificate that is trusted belongs to the consumer with a credential for one of its names, else to the one whose
`custom_id` or `username` is one of them. Its names are its subject alternative names; the common name counts only
where there are none (Kong docs, "Mutual TLS Authentication", manual mappings).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .client_plugin import ACL, MTLS_AUTH
from .custom_object import CustomObject
from .errors import InputError
from .inputs import check_inputs
from .kong_crds import CREDENTIAL_LABEL, kong_consumer
from .kong_objects import INGRESS_CLASS
from .objects import make_secret
from .resources import child_options

_PLAIN = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


class ConsumerArgs(TypedDict):
    """Somebody who calls."""

    name: str
    """Name of the object, and the username unless another is given."""
    username: NotRequired[str]
    """Username in Kong, sent to upstreams as `X-Consumer-Username`; default `name`."""
    custom_id: NotRequired[str]
    """An id of your own, sent to upstreams as `X-Consumer-Custom-ID`."""
    subject_names: NotRequired[Sequence[str]]
    """Names of certificates that are this consumer's, besides username and custom id: a DNS name, an e-mail address,
    or the common name of a certificate without alternative names."""
    groups: NotRequired[Sequence[str]]
    """Groups for the ACL plugin."""


class ClientConsumersArgs(TypedDict):
    """The consumers of a gateway; Kong knows them for all routes."""

    namespace: pulumi.Input[str]
    """Where the objects are made."""
    consumers: Sequence[ConsumerArgs]
    """The consumers."""
    ingress_class: NotRequired[str]
    """The class that the ingress controller serves; default `kong`."""


class ClientConsumers(pulumi.ComponentResource):
    """KongConsumers with their credentials, each made after what it refers to, as the admission webhook demands
    (Kong/kubernetes-ingress-controller internal/admission/validator.go).

    Raises:
        InputError: names that can't be, or that two consumers share.
    """

    usernames: pulumi.Output[Mapping[str, str]]
    """Username of each consumer, by its name."""

    def __init__(self, name: str, args: ClientConsumersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make credentials, then consumers."""
        super().__init__("kong-mtls:index:ClientConsumers", name, {}, opts)
        where = f'ClientConsumers "{name}"'
        check_inputs(ClientConsumersArgs, args, where)
        found = consumer_problems(args["consumers"])
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        self._prefix, self._args, self._options = name, args, child_options(self, opts)
        for consumer in args["consumers"]:
            self._make(consumer)
        self.usernames = pulumi.Output.from_input({one["name"]: username(one) for one in args["consumers"]})
        self.register_outputs({"usernames": self.usernames})

    def _make(self, consumer: ConsumerArgs) -> None:
        credentials = [
            *(self._credential(consumer, MTLS_AUTH, "subject_name", it) for it in _sorted(consumer, "subject_names")),
            *(self._credential(consumer, ACL, "group", group) for group in _sorted(consumer, "groups")),
        ]
        manifest = kong_consumer(
            name=consumer["name"],
            namespace=self._args["namespace"],
            ingress_class=self._args.get("ingress_class") or INGRESS_CLASS,
            username=username(consumer),
            custom_id=consumer.get("custom_id"),
            credentials=credentials,
        )
        # A second object with the same username is refused, so an old one in another namespace has to go first;
        # until the new one is there its certificates are refused.
        options = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(delete_before_replace=True))
        CustomObject(f"{self._prefix}-{consumer['name']}", manifest, options)

    def _credential(self, consumer: ConsumerArgs, kind: str, key: str, value: str) -> pulumi.Output[str]:
        """The name of a credential's Secret, which is another one for another value."""
        secret = make_secret(
            f"{self._prefix}-{consumer['name']}-{kind}-{slug(value)}",
            namespace=self._args["namespace"],
            data={key: value},
            fixed_name=None,
            what=consumer["name"],
            labels={CREDENTIAL_LABEL: kind},
            opts=self._options,
        )
        result: pulumi.Output[str] = secret.metadata.apply(lambda metadata: str(metadata.name))
        return result


def username(consumer: ConsumerArgs) -> str:
    """The consumer's username."""
    return consumer.get("username") or consumer["name"]


def slug(text: str) -> str:
    """A part of a name that stands for any text: the text itself where it can be one, else with digits of its own."""
    if _PLAIN.fullmatch(text):
        return text
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:24].strip("-")
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


def _sorted(consumer: ConsumerArgs, key: str) -> list[str]:
    given: Sequence[str] = consumer.get(key) or ()  # type: ignore[assignment]
    return sorted(set(given))


def consumer_problems(consumers: Sequence[ConsumerArgs]) -> list[str]:
    """What Kong or Kubernetes would refuse, each naming the consumer."""
    found: list[str] = []
    for consumer in consumers:
        try:
            names.check_label(consumer["name"], "consumers: name")
        except InputError as error:
            found.append(str(error))
        for key in ("username", "custom_id"):
            if consumer.get(key) == "":
                found.append(f"consumers: {consumer['name']}: {key} is empty; leave it out")
        for key in ("subject_names", "groups"):
            if not all(_sorted(consumer, key)):
                found.append(f"consumers: {consumer['name']}: {key} holds an empty text")
    for what, values in (
        ("name", [one["name"] for one in consumers]),
        ("username", [username(one) for one in consumers]),
        ("custom_id", [one["custom_id"] for one in consumers if one.get("custom_id")]),
        ("subject name", [name for one in consumers for name in _sorted(one, "subject_names")]),
    ):
        found += [
            f"consumers: two have the {what} {value!r}; Kong refuses the second"
            for value in sorted({value for value in values if values.count(value) > 1})
        ]
    return found
