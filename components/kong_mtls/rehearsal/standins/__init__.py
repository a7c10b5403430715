"""One stand-in per resource type: what the providers would answer, without a provider.

A new type is one entry in the table of its module. ``find`` gives None for every other type.
"""

from __future__ import annotations

from collections.abc import Mapping

from kong_mtls.rehearsal.standins import cert_manager, helm, kubernetes, randomness, tls, trust_manager
from kong_mtls.rehearsal.standins.model import Call, Made, Reconciled, ResourceError, StandIn, Waiting, World

__all__ = ["Call", "Made", "Reconciled", "ResourceError", "StandIn", "Waiting", "World", "find"]

_BY_TYPE: Mapping[str, StandIn] = {
    **tls.STAND_INS,
    **randomness.STAND_INS,
    **helm.STAND_INS,
    **cert_manager.STAND_INS,
    **trust_manager.STAND_INS,
}


def find(type_: str) -> StandIn | None:
    """The stand-in for a type token such as ``tls:index/privateKey:PrivateKey``, or None."""
    if type_.startswith("pulumi:providers:"):
        return PROVIDER
    return _BY_TYPE.get(type_) or kubernetes.find(type_)


def _provider(call: Call) -> Made:
    return Made(call.old.id if call.old else call.urn.rpartition("::")[2], dict(call.inputs))


PROVIDER = StandIn(create=_provider)
"""An explicit provider: its inputs are read as settings of the resources that use it; it computes nothing."""
