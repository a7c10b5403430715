"""Recovery: from a certificate that has expired, and from a CA whose key is stolen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal.links import LINKS, Link
from kong_mtls.rehearsal.mixture import mix
from kong_mtls.rehearsal.render import render

from .conftest import CLUSTER, Stack, files

GOOD = "the data plane itself"


def cluster(texts: dict[str, str], at: datetime) -> list[Link]:
    return LINKS["cluster"](read_texts(texts), at, lambda _: None)


@pytest.mark.parametrize(("name", "days"), [("dev", 1096), ("staging", 91)])
def test_an_expired_certificate_is_replaced_by_an_up(
    request: pytest.FixtureRequest, today: datetime, name: str, days: int
) -> None:
    """With the certificate expired good peers are refused; one update and restarted pods mend it."""
    stack: Stack = request.getfixturevalue(name)
    late = today + timedelta(days=days)
    before = cluster(render(stack.up(), masked=False), late)
    assert {row.observed for row in before if row.case == GOOD} == {"refuse"}
    after = LINKS["cluster"](files(stack.up(at=late)), late, lambda _: None)
    assert {row.ok for row in after} == {True}


def test_a_stolen_ca_is_out_at_once(staging: Stack, today: datetime) -> None:
    """After a jump to a new CA a certificate of the old one is refused, and the restarted peers hold."""
    before = render(staging.up(), masked=False)
    jump = {
        f"{CLUSTER}.authority.generations": ["g2"],
        f"{CLUSTER}.authority.issuing": "g2",
        f"{CLUSTER}.skipSteps": True,
    }
    after = render(staging.up(jump), masked=False)
    assert {row.ok for row in cluster(after, today)} == {True}
    # The data plane as it was stands for the thief: its certificate is of the old CA.
    thief = mix(before, after, ["releases/kong-dp.yaml"])
    assert {row.observed for row in cluster(thief, today) if row.case == GOOD} == {"refuse"}
    # Once applied, the jump is no longer needed: the same configuration without it changes nothing.
    assert not staging.up({f"{CLUSTER}.skipSteps": None}).changed
