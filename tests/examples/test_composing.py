"""The guide for teams: its programs run, its links lead somewhere, and its error is the one that is shown."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal import unstaged
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State


@pytest.fixture(scope="module")
def guide(root: Path) -> str:
    """Its text."""
    return (root / "docs/composing.md").read_text("utf-8")


@pytest.fixture(scope="module")
def programs(guide: str, tmp_path_factory: pytest.TempPathFactory, today: datetime) -> list[Performance]:
    """Every program in it, run as it stands."""
    done = []
    for text in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        folder = tmp_path_factory.mktemp("guide")
        (folder / "Pulumi.yaml").write_text("name: guide\nruntime: python\n")
        (folder / "__main__.py").write_text(text)
        config = StackConfig({"guide:rehearsal": "true"}, frozenset())
        done.append(perform(folder, "dev", at=today, state=State("guide", "dev"), config=config))
    return done


def test_the_programs_run(programs: list[Performance]) -> None:
    """Without a warning."""
    assert len(programs) == 2
    for done in programs:
        assert done.exports
        assert [message.text for message in done.messages if message.severity != "info"] == []


def test_the_links_of_the_first_hold(programs: list[Performance], today: datetime) -> None:
    """Its parts fit together; what is an existing Secret's stays open."""
    objects = read_texts(render(programs[0], masked=False))
    for name in ("cluster", "client", "upstream", "admin"):
        rows = LINKS[name](objects, today, lambda _: None)
        assert rows, name
        assert {row.ok for row in rows} <= {True, None}, name
        assert True in {row.ok for row in rows}, name


def test_every_object_is_in_the_cluster_of_the_provider(programs: list[Performance]) -> None:
    """`providers` reaches what a component makes, at any depth."""
    objects = [it for it in programs[0].resources if it.type.startswith("kubernetes:")]
    assert len(objects) > 20
    assert {it.provider.rpartition("::")[0].rpartition("::")[2] for it in objects} == {"edge"}


def test_the_message_is_the_one_that_is_shown(guide: str) -> None:
    """Kind by kind, as a team sees it."""
    urn = "urn:pulumi:dev::shop::{}::{}".format
    things = {
        urn("aws:s3/bucket:Bucket", "assets"): "aws:s3/bucket:Bucket",
        urn("aws:s3/bucket:Bucket", "logs"): "aws:s3/bucket:Bucket",
        urn("kubernetes:yaml/v2:ConfigFile", "extras"): "kubernetes:yaml/v2:ConfigFile",
        urn("kubernetes:core/v1:Service", "orders") + " (read of shop/orders)": "kubernetes:core/v1:Service",
        "aws:index/getRegion:getRegion (function)": "aws:index/getRegion:getRegion",
        "register_resource_transform (function)": "transform",
    }
    said = unstaged.message(things, {urn("kubernetes:yaml/v2:ConfigFile", "extras")})
    assert f"```text\nerror: {said}\n```" in guide


def test_its_links_lead_somewhere(root: Path, guide: str) -> None:
    """Files, and headings of its own."""
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", guide) if "://" not in target]
    assert len(targets) > 10
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in guide.splitlines()
        if line.startswith("## ")
    }
    for target in targets:
        file, _, heading = target.partition("#")
        assert (root / "docs" / file).exists(), target
        assert not heading or file or heading in headings, target


def test_every_example_is_listed(root: Path, guide: str) -> None:
    """In the table, by its folder."""
    folders = {path.parent.name for path in root.glob("examples/*/Pulumi.yaml")}
    assert set(re.findall(r"\]\(\.\./examples/([a-z_]+)\)", guide)) == folders
