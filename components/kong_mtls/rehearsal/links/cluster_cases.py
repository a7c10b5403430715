"""The table of cases of the cluster link: who is let in, who is not, and who has to refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ..mint import Minted, issue, twin
from .authority import KeyRing
from .cases import ANOTHER_NAME, Trials
from .cluster_ends import ControlPlane, DataPlane
from .ends import Side
from .model import ACCEPT, REFUSE, Link, Pair

GOOD = "the data plane itself"

_DAY = timedelta(days=1)
_NAMES: Mapping[Side, str] = {"client": "data plane", "server": "control plane"}


def rows(pair: Pair, data_plane: DataPlane, control_plane: ControlPlane, keys: KeyRing, at: datetime) -> Iterator[Link]:
    """The good pair first, then the bad peers of the control plane's mode.

    Args:
        pair: the rows' ends.
        data_plane: as configured.
        control_plane: as configured.
        keys: where a CA's key may be.
        at: the date that both judge by.
    """
    trials = Trials(pair, data_plane.client(at), control_plane.listener(at), keys, _NAMES)
    yield _good(trials, data_plane)
    yield from (
        _bad_clients_shared(trials) if control_plane.mode == "shared" else _bad_clients_pki(trials, control_plane)
    )
    if data_plane.trust_pem is not None:  # else the image's bundle decides, and the good pair's row says so
        yield from _bad_servers(trials, control_plane)


def _good(trials: Trials, data_plane: DataPlane) -> Link:
    row = trials.good(GOOD)
    if not row.ok and data_plane.system_trust and data_plane.trust_pem is None:
        reason = f"whether the CA bundle of the image holds the control plane's CA is in no file ({row.reason})"
        return trials.pair.unproved(GOOD, ACCEPT, reason)
    return row


def _bad_clients_shared(trials: Trials) -> Iterator[Link]:
    cert, at = trials.server_chain[0], trials.server.at
    since, until = at - _DAY, at + _DAY
    stranger = issue(
        ANOTHER_NAME, client=True, server=True, dns_names=[ANOTHER_NAME], not_before=since, not_after=until
    )
    yield trials.bad_client("a stranger's own certificate", trials.showing(stranger))
    namesake = twin(cert, not_before=since, not_after=until)
    yield trials.bad_client("the same name with another key", trials.showing(namesake))
    yield trials.expired_client("an expired certificate")
    key = trials.keys.of(cert)
    case = "a certificate signed by the cluster certificate"
    if key is None:
        yield trials.pair.unproved(case, REFUSE, "the cluster certificate's key is in no Secret of these files")
    else:
        # Alone, without its signer: in a chain nginx would find fault with a signer that is no CA.
        signed = twin(cert, issuer=Minted(cert, key))
        client = replace(trials.client, cert_chain_pem=signed.cert_pem, key_pem=signed.key_pem)
        yield trials.bad_client(case, client)
    yield trials.no_certificate("no certificate")


def _bad_clients_pki(trials: Trials, control_plane: ControlPlane) -> Iterator[Link]:
    yield trials.client_of_another_ca("another CA's certificate")
    yield trials.expired_client("an expired certificate")
    bad: dict[str, dict[str, object]] = {"a server's certificate": {"client": False, "server": True}}
    if control_plane.mode == "pki_check_cn":
        bad["another data plane's common name"] = {"common_name": ANOTHER_NAME}
    yield from trials.clients_of_the_ca(bad)
    yield from trials.without_intermediates_client("its certificate without the intermediates")
    yield trials.no_certificate("no certificate")


def _bad_servers(trials: Trials, control_plane: ControlPlane) -> Iterator[Link]:
    case = "a control plane of another CA"
    if trials.server_is_self_signed:
        case = "a control plane of the same name with another key"
    yield trials.server_of_another_ca(case)
    yield trials.expired_server("a control plane with an expired certificate")
    if control_plane.mode == "shared":
        return
    yield from trials.servers_of_the_ca(
        {
            "a client's certificate as the control plane's": {"client": True, "server": False},
            "a control plane of another name": {"common_name": ANOTHER_NAME, "dns_names": [ANOTHER_NAME]},
        }
    )
    yield from trials.without_intermediates_server("a control plane that leaves out its intermediates")
    yield from trials.too_deep_server("a depth too small for the control plane's chain", "lua_ssl_verify_depth")
