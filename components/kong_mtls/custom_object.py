"""Objects of kinds that a CustomResourceDefinition brings, as resources."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pulumi


class CustomObject(pulumi.CustomResource):
    """An object of such a kind, given as a manifest in the API's own spelling.

    The SDK's own ``CustomResource`` has no place for what some kinds have beside `spec`: a KongPlugin's plugin and
    config, say.
    """

    metadata: pulumi.Output[Any]
    """The object's metadata."""
    status: pulumi.Output[Any]
    """What its controller says of it; only of a manifest that has `status: None`."""

    def __init__(self, resource_name: str, manifest: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions):
        """Declare it."""
        token = f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"
        # As the SDK's own classes say it: without a version this object would have a provider of its own.
        provider = pulumi.ResourceOptions(version=version("pulumi-kubernetes"))
        super().__init__(token, resource_name, dict(manifest), pulumi.ResourceOptions.merge(opts, provider))

    @property
    def object_name(self) -> pulumi.Output[str]:
        """The object's name; whoever takes it from here waits for the object."""
        result: pulumi.Output[str] = self.metadata.apply(lambda metadata: metadata["name"])
        return result
