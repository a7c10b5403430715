"""Names that the chart computes, and those from which it would compute too long ones."""

import re

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import InputError, names

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)
BLOCKS = ("proxy", "admin", "cluster", "clustertelemetry", "validation-webhook", "post-upgrade-migrations")


@given(LABELS, st.sampled_from(BLOCKS))
def test_whatever_passes_gives_names_that_kubernetes_takes(release: str, block: str) -> None:
    """A release that is let through never makes a name over 63 characters, whatever the chart appends."""
    try:
        names.check_release(release, "release_name")
    except InputError:
        assert len(release) > 34
        return
    service = names.service(release, block)
    assert len(service) <= 63
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", service)


@given(st.text(max_size=70))
def test_a_label_is_a_label_or_refused(text: str) -> None:
    """RFC 1123, with the value and the rule in the message; line ends and other scripts don't slip through."""
    try:
        names.check_label(text, "it")
    except InputError as error:
        refused = str(error)
    else:
        refused = ""
        assert text.isascii()
        assert 0 < len(text) <= 63
        assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert "-" not in (text[0], text[-1])
    assert refused == "" or (repr(text) in refused and "lower-case letters, digits and '-'" in refused)


def test_the_longest_release_name_is_34() -> None:
    """`-kong-post-upgrade-migrations` has 29 characters."""
    names.check_release("a" * 34, "release_name")
    with pytest.raises(InputError, match=rf"^release_name: '{'a' * 35}' can't be used; allowed are 1 to 34 lower-case"):
        names.check_release("a" * 35, "release_name")


def test_the_charts_name_is_appended_even_to_itself() -> None:
    """There is no "release already contains the chart's name" rule."""
    assert names.fullname("kong") == "kong-kong"
    assert names.service("kong-cp", "clustertelemetry") == "kong-cp-kong-clustertelemetry"


def test_hosts_and_paths() -> None:
    """Plain strings stay plain."""
    assert names.service_host("kong-cp", "cluster", "kong") == "kong-cp-kong-cluster.kong.svc.cluster.local"
    assert names.secret_path("kong-cluster-cert", "tls.crt") == "/etc/secrets/kong-cluster-cert/tls.crt"
    assert names.service_dns_names("a", "b") == ["a", "a.b", "a.b.svc", "a.b.svc.cluster.local"]


@pytest.mark.usefixtures("loop")
def test_outputs_stay_outputs() -> None:
    """A namespace that Pulumi names is known later."""
    host = names.service_host("kong-cp", "cluster", pulumi.Output.from_input("kong"))
    assert isinstance(host, pulumi.Output)
