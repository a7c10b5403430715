"""A project with stacks on a machine of its own: home, kubeconfig, API server and CLI are the test's."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
import yaml

from tests.engine.doubles import CONTEXT, ApiServer, FakeCli, in_base64, write_stack


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def serve(authority: trustme.CA) -> Iterator[Callable[..., ApiServer]]:
    running: list[ApiServer] = []

    def start(*names: str, issuer: trustme.CA = authority, behind_proxy: bool = False) -> ApiServer:
        server = ApiServer(issuer, *names, behind_proxy=behind_proxy)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def api(serve: Callable[..., ApiServer]) -> ApiServer:
    return serve()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nothing listens, and nothing will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def kubeconfig(tmp_path: Path, authority: trustme.CA) -> Callable[..., Path]:
    def write(
        server: str, user: dict[str, Any] | None = None, *, name: str = CONTEXT, file: str = "kubeconfig", **more: Any
    ) -> Path:
        cluster = {"server": server, "certificate-authority-data": in_base64(authority.cert_pem)} | more
        content = {
            "current-context": "another",
            "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {key: value for key, value in cluster.items() if value is not None}}],
            "users": [{"name": "u", "user": user or {}}],
        }
        path = tmp_path / file
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project like this one: dev and prod have a licence, bare has not."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "__main__.py").write_text("import pulumi\npulumi.export('greeting', 'hello')\n")
    edition = {"type": "string", "default": "enterprise"}
    (folder / "Pulumi.yaml").write_text(
        yaml.safe_dump({"name": "kong-mtls", "runtime": "python", "config": {"kong-mtls:edition": edition}})
    )
    stacks: dict[str, dict[str, Any]] = {
        "dev": {"kubernetes:context": CONTEXT, "kong-mtls:license": {"file": "license.json"}},
        "prod": {"kubernetes:context": "prod", "kong-mtls:license": {"existingSecret": "licence"}},
        "bare": {"kubernetes:context": CONTEXT},
    }
    for stack, config in stacks.items():
        write_stack(folder, stack, config)
    return folder


@pytest.fixture
def cli(tmp_path: Path) -> FakeCli:
    folder = tmp_path / "fake"
    folder.mkdir()
    return FakeCli(folder)


@pytest.fixture
def environment(tmp_path: Path, cli: FakeCli) -> dict[str, str]:
    """What a shell would hand over: a home of its own, the fake CLI on PATH, no login."""
    home = tmp_path / "home"
    home.mkdir()
    path = f"{cli.bin}{os.pathsep}{os.defpath}"
    return {"HOME": str(home), "PATH": path, "KUBECONFIG": str(tmp_path / "kubeconfig")}
