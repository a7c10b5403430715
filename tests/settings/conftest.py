"""Stack configuration as the engine hands it over: full keys, text values, and which keys are secret."""

import asyncio
import contextvars
import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import pulumi
import pytest
from pulumi.runtime import settings as runtime_settings

import settings
from kong_mtls import InputError
from kong_mtls.pki import clock
from kong_mtls.rehearsal.mint import Minted, issue, new_key

Load = Callable[..., settings.Settings]
LICENSE = json.dumps({"license": {"payload": {"customer": "s3cret-customer"}, "version": 1}})


@pytest.fixture
def load(loop: asyncio.AbstractEventLoop, today: datetime) -> Load:
    """Settings of a stack with this configuration, on top of a database and the open-source edition.

    Keyword arguments are keys of the project (None leaves one out); `full` adds full keys, `secret` names keys that
    hold a secret, `day` is when it is judged.
    """

    def run(
        full: Mapping[str, str] | None = None, secret: Collection[str] = (), day: datetime = today, **given: Any
    ) -> settings.Settings:
        keys = {"edition": "oss", "database": {"development": {}}, **given}
        config = {
            f"kong-mtls:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in keys.items()
            if value is not None
        }

        def read() -> settings.Settings:
            runtime_settings.configure(runtime_settings.Settings(project="kong-mtls", stack="test"))
            pulumi.runtime.set_all_config({**config, **(full or {})}, [f"kong-mtls:{key}" for key in secret])
            with clock.at(day):
                return settings.load()

        return contextvars.copy_context().run(read)

    return run


@pytest.fixture
def refused(load: Load) -> Callable[..., list[str]]:
    """The problems with which a configuration is refused, without the project's name."""

    def run(**given: Any) -> list[str]:
        with pytest.raises(InputError) as error:
            load(**given)
        heading, *problems = str(error.value).split("\n  - ")
        assert heading == "The configuration of stack 'test' can't be used:"
        assert len(set(problems)) == len(problems)
        return [problem.removeprefix("kong-mtls:") for problem in problems]

    return run


@pytest.fixture(scope="session")
def make(today: datetime) -> Callable[..., Minted]:
    """A certificate that can serve the cluster link, with what is to differ."""
    key = new_key("P-384")

    def made(subject: str = "kong_clustering", **given: Any) -> Minted:
        options: dict[str, Any] = {
            "not_before": today - timedelta(days=1),
            "not_after": today + timedelta(days=1095),
            "client": True,
            "server": True,
            "dns_names": ["kong_clustering"],
            "key": key,
            **given,
        }
        return issue(subject, **options)

    return made


@pytest.fixture
def license_text() -> str:
    """A licence, as far as anyone without Kong's key can tell."""
    return LICENSE
