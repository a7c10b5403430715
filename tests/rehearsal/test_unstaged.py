"""A team's own stack: what of it can't be staged is said kind by kind, with a way on, and the rest is rehearsed."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from kong_mtls.rehearsal import run
from kong_mtls.rehearsal.stage import NotStaged, ProgramFailed
from kong_mtls.rehearsal.terminal_report import print_terminal

from .conftest import NOW, Program

OWN = """
    from kong_mtls import ClientMtls

    class Bucket(pulumi.CustomResource):
        def __init__(self, name):
            super().__init__("aws:s3/bucket:Bucket", name, {"bucket": name, "arn": None})

    class Gateway(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("kong-mtls:index:KongHybrid", name, {}, None, remote=True)

    assets, logs = Bucket("assets"), Bucket("logs")
    Gateway("gateway")
    k8s.yaml.v2.ConfigFile("extras", file="extras.yaml")
    k8s.core.v1.Service.get("orders", "shop/orders")
    pulumi.runtime.invoke("aws:index/getRegion:getRegion", {})
    k8s.apps.v1.Deployment("shop", metadata={"name": "shop", "namespace": "shop"}, spec={
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "shop",
            "image": "shop:1.2.3", "env": [{"name": "BUCKET", "value": assets.bucket}]}]}}})
    ClientMtls("callers", {
        "namespace": "shop", "ca": {"generate": {"common_name": "callers"}}, "consumers": [{"name": "alice"}],
        "routes": [{"name": "shop", "spec": {"ingressClassName": "kong", "rules": [{"host": "shop.example.com",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
                "service": {"name": "shop", "port": {"number": 80}}}}]}}]}}]})
"""

SAID = """\
6 of the program's resources cannot be staged:
no stand-in for their type:
  - aws:s3/bucket:Bucket  assets, logs
components that a plugin makes, with all that is in them:
  - kong-mtls:index:KongHybrid  gateway
  - kubernetes:yaml/v2:ConfigFile  extras
looked up in a cluster or a cloud, not made by this program:
  - kubernetes:core/v1:Service  orders (shop/orders)
functions of providers, of which nothing comes back:
  - aws:index/getRegion:getRegion
Components of this package are staged with all they make where the program imports kong_mtls.
With --unstaged pass they go through: what they put out is what the program put in, and nothing else. The rest is \
rehearsed and proved."""


def test_everything_that_cannot_be_staged_is_said_once(program: Program) -> None:
    """By kind and type with the names, and how to go on."""
    with pytest.raises(NotStaged) as caught:
        program.write(OWN).run()
    assert str(caught.value) == SAID


def test_the_rest_is_rehearsed(program: Program) -> None:
    """The team's own workload and the components' objects, next to what passes through with its inputs."""
    done = program.write(OWN).run(pass_unstaged=True)
    made = {one.name for one in done.resources if one.custom and one.staged}
    assert {"shop", "callers-alice", "callers-g1"} <= made, made
    assert len(done.unstaged) == 6
    workload = next(one for one in done.resources if one.type == "kubernetes:apps/v1:Deployment")
    container = workload.inputs["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "BUCKET", "value": "assets"}]


@pytest.mark.parametrize("passing", [False, True])
def test_a_program_that_needs_their_outputs(program: Program, passing: bool) -> None:
    """What a provider would put out is not there: the line that wants it is named, and what to do."""
    program.write(OWN + "    assets.arn.apply(lambda arn: arn.upper())\n")
    with pytest.raises(NotStaged) as caught:
        program.run(pass_unstaged=passing)
    last = str(caught.value).splitlines()[-2:]
    assert last[0].startswith("The program then stopped (__main__.py, line ")
    assert last[0].endswith("): AttributeError: 'NoneType' object has no attribute 'upper'")
    assert 'pulumi.Config().get_bool("rehearsal") is true in a rehearsal only' in last[1]


def test_the_way_out_that_is_named(program: Program) -> None:
    """A program that asks whether it is rehearsed needs no option."""
    done = program.write("""
        class Bucket(pulumi.CustomResource):
            def __init__(self, name):
                super().__init__("aws:s3/bucket:Bucket", name, {"arn": None})
        rehearsed = pulumi.Config().get_bool("rehearsal")
        arn = pulumi.Output.from_input("arn:aws:s3:::assets") if rehearsed else Bucket("assets").arn
        pulumi.export("arn", arn.apply(lambda text: text.upper()))
    """).run()
    assert done.exports == {"arn": "ARN:AWS:S3:::ASSETS"}
    assert not done.unstaged


def test_secrets_stay_out_of_what_stopped_it(program: Program) -> None:
    """The reason is masked like all messages."""
    program.stack("dev", "config: {'demo:word': {secure: c2VjcmV0}}")
    program.write("""
        pulumi.runtime.invoke("aws:index/getRegion:getRegion", {})
        def refuse(word):
            raise ValueError(f"no {word}")
        word = random.RandomPassword("word", length=20).result
        word.apply(refuse)
    """)
    with pytest.raises(NotStaged, match=r"ValueError: no \(masked\)"):
        program.run()


def test_a_refusal_is_said_alone_when_the_rest_passes(program: Program) -> None:
    """Whoever asked to go on without hears what is wrong with the program; else both, in full."""
    program.write("""
        pulumi.runtime.invoke("aws:index/getRegion:getRegion", {})
        raise pulumi.RunError("two problems:\\n  - host: missing\\n  - port: missing")
    """)
    with pytest.raises(ProgramFailed, match=r"^two problems:\n  - host: missing\n  - port: missing$"):
        program.run(pass_unstaged=True)
    with pytest.raises(NotStaged, match=r"stopped.*: RunError: two problems:\n  - host: missing\n  - port: missing"):
        program.run()


def test_the_reports_say_it(program: Program) -> None:
    """On the terminal, in Markdown and in HTML, before what the rehearsal does know."""
    done = run.rehearse(program.write(OWN).folder, "dev", now=NOW, pass_unstaged=True)
    text = (done.folder / "report.md").read_text("utf-8")
    assert "## Not staged (6)\n\nno stand-in for their type:\n- aws:s3/bucket:Bucket  assets, logs\n" in text
    assert text.index("## Not staged") < text.index("## Links")
    page = (done.folder / "report.html").read_text("utf-8")
    assert "- aws:s3/bucket:Bucket  assets, logs</p>" in page
    assert page.index("<h2>Not staged</h2>") < page.index("<h2>Links</h2>")
    console = Console(width=160, no_color=True, highlight=False, file=StringIO())
    print_terminal(done.report, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Not staged (6)\nno stand-in for their type:\n  - aws:s3/bucket:Bucket  assets, logs\n" in printed


def test_transforms_are_named(program: Program) -> None:
    """Only the engine runs them, so that what they would change isn't seen."""
    program.write("pulumi.runtime.register_resource_transform(lambda args: None)\nrandom.RandomUuid('id')")
    with pytest.raises(NotStaged, match=r"transforms, which only the engine runs:\n  - transform"):
        program.run()
