"""The wheel, built once, and environments that hold it and what it asks for, and nothing else."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

BACKEND = (77, 0)
"""The setuptools that pyproject.toml asks for."""


def run(*command: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a command that sees nothing of this process's paths, and ends with `code`."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass(frozen=True)
class Wheel:
    """A built wheel: its file, what is in it, and its metadata's fields."""

    path: Path

    @property
    def names(self) -> list[str]:
        """Its files."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    def metadata(self, field: str) -> list[str]:
        """All values of a field of ``METADATA``."""
        with zipfile.ZipFile(self.path) as archive:
            text = archive.read(next(name for name in self.names if name.endswith(".dist-info/METADATA"))).decode()
        return re.findall(rf"^{field}: (.*)$", text.partition("\n\n")[0], re.MULTILINE)


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """Built from a copy of the sources: a build leaves folders beside them."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
    shutil.copytree(root / "components", source / "components", ignore=ignored)
    # The requirements for tests bring the backend; an older environment leaves it to pip, which fetches it.
    found = (
        tuple(int(part) for part in importlib.metadata.version("setuptools").split(".")[:2]) if _has_backend() else ()
    )
    isolation = ["--no-build-isolation"] if found >= BACKEND else []
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *isolation, "-w", built, source, cwd=source)
    return Wheel(next(built.glob("*.whl")))


def _has_backend() -> bool:
    return any(one.metadata["Name"] == "setuptools" for one in importlib.metadata.distributions())


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        folder: its root.
        distributions: what the wheel asked for, and what that asked for.
    """

    folder: Path
    distributions: frozenset[str]

    def command(self, name: str) -> Path:
        """A command in it."""
        return self.folder / "bin" / name

    def python(self, code: str, *arguments: str | Path) -> str:
        """Runs Python code in a folder of its own; what it prints."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return run(self.command("python"), "-W", "error", "-c", code, *arguments, cwd=elsewhere).stdout


@pytest.fixture(scope="session")
def environment(wheel: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Environment]]:
    """Makes an environment with the wheel and the extras that are named: ``environment("rehearsal")``.

    The wheel is installed by pip. What it depends on is linked in from the environment of the tests, distribution by
    distribution as the metadata ask for them, so that an import of anything else fails there, and no network is needed.
    """
    made: dict[tuple[str, ...], Environment] = {}

    def make(*extras: str) -> Environment:
        if extras not in made:
            folder = tmp_path_factory.mktemp("-".join(["environment", *extras]))
            venv.create(folder, with_pip=False, symlinks=True)
            python = folder / "bin" / "python"
            pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
            run(*pip, "install", "-q", "--no-deps", "--no-index", wheel.path, cwd=folder)
            site = next(folder.glob("lib/python*/site-packages"))
            needed = closure(wheel.metadata("Requires-Dist"), extras)
            for name in needed:
                link(importlib.metadata.distribution(name), site)
            made[extras] = Environment(folder, frozenset(needed))
        return made[extras]

    yield make
    for one in made.values():
        shutil.rmtree(one.folder)  # links go, what they lead to stays


def closure(required: Sequence[str], extras: Sequence[str]) -> list[str]:
    """The names of all distributions that these requirements lead to here."""
    waiting = [(Requirement(text), frozenset(extras)) for text in required]
    seen: dict[str, frozenset[str]] = {}
    while waiting:
        requirement, active = waiting.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": it}) for it in active | {""}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        wanted = frozenset(requirement.extras)
        if name in seen and wanted <= seen[name]:
            continue
        seen[name] = seen.get(name, frozenset()) | wanted
        below = importlib.metadata.distribution(name).requires or []
        waiting += [(Requirement(text), seen[name]) for text in below]
    return sorted(seen)


def link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    """Links the packages of a distribution into `site`."""
    for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(distribution.locate_file(top))))
