"""A pull request with something of everything, and GitHub's API on a loopback address."""

from collections.abc import Iterator

import pytest

from scripts.pull_request.github import Api
from scripts.pull_request.model import Case, Certificate, Comparison, File, Finding, Link, Stack, Step
from tests.pull_request.doubles import REPOSITORY, GitHub

TOKEN = "a-token-of-the-job"


def change(**parts: object) -> Stack:
    """A stack that changes in every way, unless `parts` say otherwise."""
    case = Case("a stranger's certificate", "refuse", "accept", "failed", "TLSv1.3", was="refuse, ok")
    given: dict[str, object] = {
        "program": ".",
        "name": "dev",
        "ok": False,
        "steps": (Step("replace", "tls:index/privateKey:PrivateKey", "key", ("algorithm",), "", delete_first=True),),
        "unchanged": 7,
        "files": (File("manifests/service-echo-echo.yaml", "changed", "@@ -1 +1 @@\n-port: 80\n+port: 443"),),
        "renewed": 2,
        "links": (
            Link("cluster", "kong-dp/dp", "kong/cp", "changed", "failed", 7, 8, "8/8", (case,)),
            Link("admin", "kong/cp (ingress controller)", "kong/cp (Admin API)", "same", "ok", 4, 4, "4/4"),
        ),
        "certificates": (
            Certificate(
                "aa",
                "dp",
                "changed",
                "CN=ca",
                "EC P-384",
                "2027-02-19T00:00:00Z",
                89,
                False,
                "bb",
                ("Release/kong-dp/dp",),
                "2027-01-01T00:00:00Z",
            ),
            Certificate("bb", "ca", "same", "CN=ca", "EC P-384", "2036-02-19T00:00:00Z", 3000, True, "bb"),
        ),
        "findings": (Finding("new", "error", "upstream-verify", "Service/echo/echo", "not verified", "verify it"),),
    }
    return Stack(**{**given, **parts})  # type: ignore[arg-type]


@pytest.fixture
def comparison() -> Comparison:
    return Comparison(1, 7, "b" * 40, "a" * 40, (change(), Stack(".", "prod", unchanged=50)))


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub.running() as server:
        yield server


@pytest.fixture
def api(hub: GitHub) -> Api:
    return Api(hub.url, REPOSITORY, TOKEN)
