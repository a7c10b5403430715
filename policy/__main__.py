"""The policy pack: `pulumi preview --policy-pack policy`."""

from kong_policies import NAME, policies  # type: ignore[import-not-found]  # it stands beside this file
from pulumi_policy import PolicyPack

PolicyPack(NAME, policies())
