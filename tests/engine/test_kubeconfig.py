"""The cluster that a stack names is looked for as kubectl would, whatever context is current."""

import base64
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from scripts.kubeconfig import find_context, probe
from scripts.stack_file import Missing
from tests.engine.doubles import CONTEXT, ApiServer, in_base64

Write = Callable[..., Path]


def look(path: Path | str, name: str = CONTEXT, **more: str) -> None:
    environment = {"KUBECONFIG": str(path), "HOME": "/nowhere"} | more
    probe(find_context(name, environment), environment)


def refusal(path: Path | str, name: str = CONTEXT, **more: str) -> str:
    with pytest.raises(Missing) as caught:
        look(path, name, **more)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_server_that_answers_is_there(api: ApiServer, kubeconfig: Write) -> None:
    """The named context is asked for its version, though another is current."""
    look(kubeconfig(api.url))
    assert [asked["path"] for asked in api.asked] == ["/version"]


def test_the_server_path_is_kept(api: ApiServer, kubeconfig: Write) -> None:
    """An API server behind a path, as Rancher has it, is asked below that path."""
    look(kubeconfig(f"{api.url}/k8s/clusters/c-1/"))
    assert api.asked[0]["path"] == "/k8s/clusters/c-1/version"


def test_credentials_of_the_context_are_shown(
    api: ApiServer, kubeconfig: Write, authority: trustme.CA, tmp_path: Path
) -> None:
    """A client certificate, embedded or in files beside the kubeconfig, and a token go with the question."""
    admin = authority.issue_cert(common_name="admin")
    key, chain = admin.private_key_pem, admin.cert_chain_pems[0]
    look(kubeconfig(api.url, {"client-certificate-data": in_base64(chain), "client-key-data": in_base64(key)}))
    chain.write_to_path(tmp_path / "admin.crt")
    key.write_to_path(tmp_path / "admin.key")
    look(kubeconfig(api.url, {"client-certificate": "admin.crt", "client-key": "admin.key"}))
    look(kubeconfig(api.url, {"token": "t0k3n"}))
    (tmp_path / "token").write_text("from-file\n")
    look(kubeconfig(api.url, {"tokenFile": "token"}))
    assert [asked["certificate"] for asked in api.asked] == [True, True, False, False]
    assert [asked["authorization"] for asked in api.asked] == [None, None, "Bearer t0k3n", "Bearer from-file"]


def test_authority_in_a_file_and_another_name(
    serve: Callable[..., ApiServer], kubeconfig: Write, authority: trustme.CA, tmp_path: Path
) -> None:
    """The CA may be a file beside the kubeconfig, and the certificate's name another than the address."""
    api = serve("api.internal")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    named: dict[str, Any] = {"certificate-authority-data": None, "certificate-authority": "ca.crt"}
    look(kubeconfig(api.url, **named, **{"tls-server-name": "api.internal"}))
    assert "is another than the kubeconfig says" in refusal(kubeconfig(api.url, **named))


def test_another_authority_is_another_cluster(serve: Callable[..., ApiServer], kubeconfig: Write) -> None:
    """A server whose certificate the context's CA didn't issue isn't the stack's cluster, and never hears the token."""
    api = serve(issuer=trustme.CA(key_type=trustme.KeyType.ECDSA))
    assert "is another than the kubeconfig says" in refusal(kubeconfig(api.url, {"token": "t0k3n"}))
    assert api.asked == []
    insecure = kubeconfig(api.url, **{"certificate-authority-data": None, "insecure-skip-tls-verify": True})
    look(insecure)


def test_refused_credentials(api: ApiServer, kubeconfig: Write) -> None:
    """Expired credentials are no cluster to deploy to; where a plugin makes them, an answer is all that is asked."""
    api.status = 401
    message = refusal(kubeconfig(api.url, {"token": "t0k3n"}))
    assert "refuses the context's credentials" in message
    assert "t0k3n" not in message
    look(kubeconfig(api.url, {"exec": {"command": "aws"}}))


@pytest.mark.parametrize("status", [403, 404])
def test_other_refusals_prove_a_server(api: ApiServer, kubeconfig: Write, status: int) -> None:
    """Not everyone may read /version."""
    api.status = status
    look(kubeconfig(api.url))


def test_a_server_in_trouble(api: ApiServer, kubeconfig: Write) -> None:
    """A load balancer without a server behind it is no cluster."""
    api.status = 503
    assert "answers 503" in refusal(kubeconfig(api.url))


def test_nobody_listens(nobody: str, kubeconfig: Write) -> None:
    """A stopped cluster is named with its address and the reason."""
    message = refusal(kubeconfig(f"https://{nobody}"))
    assert f"https://{nobody}, can't be reached (Connection refused)" in message


def test_several_files_are_merged(api: ApiServer, kubeconfig: Write, tmp_path: Path, nobody: str) -> None:
    """The first file to name an entry wins; files that aren't there are passed over."""
    first = kubeconfig(api.url, file="first")
    second = kubeconfig(f"https://{nobody}", file="second")
    look(os.pathsep.join(["", str(tmp_path / "absent"), str(first), str(second)]))
    assert len(api.asked) == 1
    assert f"{nobody}, can't be reached" in refusal(os.pathsep.join([str(second), str(first)]))


def test_the_home_has_the_default(api: ApiServer, kubeconfig: Write, tmp_path: Path) -> None:
    """Without KUBECONFIG it is ~/.kube/config."""
    (tmp_path / ".kube").mkdir()
    kubeconfig(api.url).rename(tmp_path / ".kube" / "config")
    look("", HOME=str(tmp_path))
    assert "/nowhere/.kube/config doesn't exist" in refusal("")


def test_a_context_that_is_not_there(api: ApiServer, kubeconfig: Write) -> None:
    """The current context is no substitute."""
    assert "no context 'prod'" in refusal(kubeconfig(api.url), "prod")
    assert api.asked == []


@pytest.mark.parametrize(
    "content", ["- a\n", "contexts: [{}]", "contexts: 5", "{", "contexts: [{name: 7}]", "\x00", "clusters: [{name: a"]
)
def test_a_broken_kubeconfig(tmp_path: Path, content: str) -> None:
    """Whatever is in it, the message names the file."""
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    assert f"{path} can't be read" in refusal(path)


def test_a_context_without_cluster(api: ApiServer, kubeconfig: Write, tmp_path: Path) -> None:
    """A context that refers to nothing is named."""
    path = kubeconfig(api.url)
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(document | {"clusters": []}))
    assert "refers to no cluster" in refusal(path)


@pytest.mark.parametrize(
    ("server", "more"),
    [
        ("127.0.0.1:6443", {}),
        ("ftp://127.0.0.1", {}),
        ("https://127.0.0.1:port", {}),
        (None, {"certificate-authority-data": "%%%"}),
        (None, {"certificate-authority-data": base64.b64encode(b"no PEM").decode()}),
        (None, {"certificate-authority-data": None, "certificate-authority": "absent.crt"}),
    ],
)
def test_broken_entries(api: ApiServer, kubeconfig: Write, server: str | None, more: dict[str, Any]) -> None:
    """A URL or a PEM that is none ends in one line, not in a traceback."""
    assert "mend the kubeconfig" in refusal(kubeconfig(server or api.url, **more))


def test_a_broken_client_certificate(api: ApiServer, kubeconfig: Write) -> None:
    """The same for credentials, without showing them."""
    broken = base64.b64encode(b"secret that is no PEM").decode()
    message = refusal(kubeconfig(api.url, {"client-certificate-data": broken, "client-key-data": broken}))
    assert "mend the kubeconfig" in message
    assert broken not in message
    assert api.asked == []


def test_a_proxy_on_the_way(serve: Callable[..., ApiServer], kubeconfig: Write) -> None:
    """The kubeconfig's proxy, or else the environment's, is asked for a tunnel; it never sees the token."""
    api = serve("api.example.com", behind_proxy=True)
    proxy = api.url.replace("https://", "http://user:p%40ss@")
    far = "https://api.example.com:6443"
    look(kubeconfig(far, {"token": "t0k3n"}, **{"proxy-url": proxy}))
    assert api.tunnel[0].startswith("CONNECT api.example.com:6443 ")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:p@ss').decode()}" in api.tunnel
    assert not any("t0k3n" in line for line in api.tunnel)
    look(kubeconfig(far), HTTPS_PROXY=proxy)
    look(kubeconfig(far), https_proxy=proxy.removeprefix("http://"))
    assert [asked["authorization"] for asked in api.asked] == ["Bearer t0k3n", None, None]


def test_no_proxy_for_loopback_and_exceptions(
    api: ApiServer, kubeconfig: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback and what NO_PROXY names are reached directly, as kubectl does."""
    proxy = "http://proxy.example.com:3128"
    look(kubeconfig(api.url), HTTPS_PROXY=proxy)
    tried: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    far = kubeconfig("https://api.example.com")
    refusal(far, HTTPS_PROXY=proxy)
    refusal(far, HTTPS_PROXY=proxy, NO_PROXY="localhost,.example.com")
    refusal(kubeconfig("http://api.example.com"), HTTPS_PROXY=proxy)
    assert tried == [("proxy.example.com", 3128), ("api.example.com", 443), ("api.example.com", 80)]
