"""Files that are YAML but make no sense: a row or an error of the reader, never a traceback."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from itertools import cycle
from typing import Any

import pytest

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.mint import Minted, issue
from tests.links import test_admin, test_database
from tests.links.hybrid import AT, BEFORE, CA_AFTER, Documents, Pki, pki, read, shared
from tests.links.test_cluster_mutations import leaves

NONSENSE: tuple[Any, ...] = (
    [],
    {},
    5,
    "x",
    True,
    "",
    ["a"],
    {"a": 1},
    1e9,
    "a/b:c",
    -1,
    [[]],
    [{}],
    {"valueFrom": 5},
    {"valueFrom": {"secretKeyRef": 7}},
)


@pytest.mark.parametrize(
    ("name", "link"), [("shared", "cluster"), ("pki", "cluster"), ("admin", "admin"), ("database", "database")]
)
def test_nonsense_is_never_a_traceback(name: str, link: str, cluster_certificate: Minted, certificates: Pki) -> None:
    """Every value of every file in turn is replaced by something it can't be."""
    ca = issue("CA", ca=True, not_before=BEFORE, not_after=CA_AFTER)
    documents: Documents = {
        "shared": lambda: shared(cluster_certificate),
        "pki": lambda: pki(certificates, mode="pki_check_cn"),
        "admin": lambda: test_admin.mutual(ca),
        "database": lambda: test_database.mutual(ca),
    }[name]()
    nonsense = cycle(NONSENSE)
    for path, document in documents.items():
        for keys in leaves(document):
            copy = deepcopy(documents)
            at: Any = copy[path]
            for key in keys[:-1]:
                at = at[key]
            at[keys[-1]] = next(nonsense)
            with suppress(UnreadableInput):
                LINKS[link](read(copy), AT, lambda _: None)
