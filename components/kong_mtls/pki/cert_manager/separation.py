"""Issuers of the user's own, judged together: each link needs a CA that is no other link's."""

from collections.abc import Mapping
from typing import Any

from ...errors import InputError
from .. import checks, clock
from ..x509 import certificates

_SHOWN = 16


def issuers_problems(given: Mapping[str, Any], what: str) -> list[str]:
    """Trust that is no CA certificate, or not one of today."""
    found = []
    for name, issuer in given.items():
        where = f"{what}.issuers.{name}.trust_pem"
        try:
            trusted = certificates(issuer["trust_pem"], where)
        except InputError as error:
            found.append(str(error))
            continue
        if len(trusted) != 1:
            found.append(f"{where}: holds {len(trusted)} certificates; needed: the one root of this generation")
        for one in trusted:
            found += [f"{where}: {problem}" for problem in (*checks.authority(one), *checks.dates(one, clock.now()))]
    return found


def separation_problems(authorities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Issuers, or CAs, that several links share.

    In `pki` mode whoever has a client certificate under the cluster link's CA joins as a data plane; under one CA for
    all every client could.

    Args:
        authorities: arguments of each link's CA, by where they are given.
    """
    owners: dict[str, list[str]] = {}
    for where, authority in authorities.items():
        mine: set[str] = set()
        for given in (authority.get("issuers") or {}).values():
            mine.add(f"{given.get('kind') or 'ClusterIssuer'} {given['name']!r}")
            mine |= _certificates(given["trust_pem"])
        for one in sorted(mine):
            owners.setdefault(one, []).append(where)
    return [
        f"{places[0]}.authority.issuers: {one} is also that of {', '.join(places[1:])}; give each link a CA of its "
        "own: under one, whoever holds a certificate of one link passes on another, and any client could join as a "
        "data plane"
        for one, places in owners.items()
        if len(places) > 1
    ]


def _certificates(pem: str) -> set[str]:
    try:
        return {f"the CA certificate {one.fingerprint[:_SHOWN]}..." for one in certificates(pem, "trust_pem")}
    except InputError:
        return set()  # said of the certificate itself
