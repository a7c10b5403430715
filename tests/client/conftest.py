"""Client mTLS on the rehearsal's stage: a function is the program of a stack, its outcome is read back from files."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kong_mtls.client_ca import ClientCaArgs
from kong_mtls.client_mtls import ClientMtls, ClientMtlsArgs
from kong_mtls.reader.kic import KongConfig, translate
from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.mint import Minted, issue
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

Stage = Callable[..., Performance]
Mint = Callable[..., Minted]
Play = Callable[..., "Outcome"]

UUID = "6f1a7f5e-3c1a-4b0e-9d7c-0d3c2f8f4a11"
OTHER_UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
MUTABLE = {"kubernetes:enableSecretMutable": "true"}


def spec(host: str = "orders.example.com", service: str = "orders") -> dict[str, Any]:
    """An Ingress's."""
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}


def service(name: str = "orders", namespace: str = "shop") -> str:
    """A Service, as a file, so that the translation finds what routes lead to."""
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        "spec: {ports: [{port: 80}]}\n"
    )


class Late(str):
    """A text that a program has from an output: it is known later than the program runs."""

    __slots__ = ()


def resolved(value: Any) -> Any:
    """Arguments as a running program has them: late texts as outputs."""
    if isinstance(value, dict):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    return pulumi.Output.from_input(str(value)) if isinstance(value, Late) else value


@dataclass(frozen=True)
class Outcome:
    """A run, and what a controller makes of it."""

    performance: Performance
    objects: Objects
    config: KongConfig
    files: Mapping[str, str] = field(repr=False)

    def failures(self) -> list[str]:
        """Codes of all that the controller drops."""
        return sorted({failure.code for failure in self.config.failures})


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, today: datetime) -> Iterator[Stage]:
    """Runs a function as the program of a stack: ``stage(program, after=last run, preview=..., config=...)``."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (folder / "__main__.py").write_text("import staged_client\nstaged_client.play()\n")
    staged = ModuleType("staged_client")
    sys.modules["staged_client"] = staged

    def run(
        program: Callable[[], Any],
        *,
        after: Performance | None = None,
        preview: bool = False,
        config: Mapping[str, str] | None = None,
        at: datetime = today,
    ) -> Performance:
        staged.play = program  # type: ignore[attr-defined]
        state = after.state if after is not None else State("demo", "test")
        given = StackConfig(values=dict(config or {}), secret_keys=frozenset())
        return perform(folder, "test", at=at, preview=preview, state=state, config=given)

    yield run
    del sys.modules["staged_client"]


@pytest.fixture(scope="session")
def play(stage: Stage, today: datetime) -> Play:
    """Runs a program and translates what it leaves, with Services of the names given beside it."""

    def run(
        program: Callable[[], Any],
        *,
        after: Outcome | None = None,
        services: tuple[str, ...] = (),
        ingress_class: str = "kong",
        at: datetime = today,
        **options: Any,
    ) -> Outcome:
        done = stage(program, after=after.performance if after else None, at=at, **options)
        files = render(done, masked=False)
        # The program's own come first, as they stand.
        beside = {f"beside/{index}.yaml": text for index, text in enumerate(services)}
        objects = read_texts({**files, **beside})
        return Outcome(done, objects, translate(objects, at, ingress_class), files)

    return run


@pytest.fixture(scope="session")
def mint(today: datetime) -> Mint:
    """Certificates of today; each combination is made once."""
    made: dict[str, Minted] = {}

    def run(name: str, **kind: Any) -> Minted:
        key = f"{name} {sorted((field, str(value)) for field, value in kind.items() if field != 'issuer')}"
        if key not in made:
            kind.setdefault("not_before", today - timedelta(days=1))
            kind.setdefault("not_after", today + timedelta(days=300))
            made[key] = issue(name, **kind)
        return made[key]

    return run


@pytest.fixture(scope="session")
def ca_pem(mint: Mint) -> Callable[[str], str]:
    """The certificate of a CA, by its name."""
    return lambda name: mint(name, ca=True).cert_pem.decode()


@pytest.fixture(scope="session")
def small_rsa() -> rsa.RSAPrivateKey:
    """A key that nobody should use any more."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def generated(**more: Any) -> ClientCaArgs:
    """A CA made here."""
    arguments: Any = {"generate": {"common_name": "callers"}, **more}
    return arguments  # type: ignore[no-any-return]


def protect(**more: Any) -> ClientMtls:
    """Routes in the namespace `shop`, for certificates of a CA made here."""
    arguments: Any = {"namespace": "shop", "ca": generated(), **more}
    given: ClientMtlsArgs = {key: value for key, value in arguments.items() if value is not None}  # type: ignore[assignment]
    return ClientMtls("orders", given)
