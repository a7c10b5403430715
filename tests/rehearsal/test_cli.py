"""The packaged command, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kong_mtls import cli
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal import wire

from .conftest import Program

HYBRID = """
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P384")
    cert = tls.SelfSignedCert("cert", private_key_pem=key.private_key_pem, validity_period_hours=26280,
        early_renewal_hours=720, allowed_uses=["server_auth", "client_auth", "digital_signature"],
        dns_names=["kong_clustering"], subject={"common_name": "kong_clustering"})
    password = random.RandomPassword("password", length=24, special=False)
    def pair(namespace):
        return k8s.core.v1.Secret(f"pair-{namespace}", metadata={"name": "kong-cluster-cert", "namespace": namespace},
            type="kubernetes.io/tls", string_data={"tls.crt": cert.cert_pem, "tls.key": key.private_key_pem})
    def release(name, namespace, values):
        env = {"cluster_mtls": "shared", "cluster_cert": "/etc/secrets/kong-cluster-cert/tls.crt",
               "cluster_cert_key": "/etc/secrets/kong-cluster-cert/tls.key", **values.pop("env")}
        return k8s.helm.v3.Release(name, name=name, namespace=namespace, chart="kong", version="3.4.1",
            repository_opts={"repo": "https://charts.konghq.com"}, skip_await=True,
            values={"image": {"repository": "kong", "tag": "3.9"}, "secretVolumes": [pair(namespace).metadata.name],
                    "env": env, **values})
    release("kong-cp", "kong", {"env": {"role": "control_plane", "database": "postgres",
            "pg_password": password.result},
        "cluster": {"enabled": True, "tls": {"enabled": True}}, "proxy": {"enabled": False}})
    release("kong-dp", "kong-dp", {"env": {"role": "data_plane", "database": "off",
            "cluster_control_plane": "kong-cp-kong-cluster.kong.svc.cluster.local:8005"},
        "ingressController": {"enabled": False}, "admin": {"enabled": False}})
    pulumi.log.warn("mind the gap")
    pulumi.export("password", password.result)
    pulumi.export("end", cert.validity_end_time)
"""


def command(*arguments: str | Path, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs ``kong-mtls`` as an installed command would run."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "kong_mtls.cli", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )


def inside(*arguments: str, cwd: Path, stdin: str = "") -> Result:
    """Runs the command in this process, where starting one would prove no more."""
    before = Path.cwd()
    os.chdir(cwd)
    try:
        return CliRunner().invoke(cli.app, arguments, input=stdin)
    finally:
        os.chdir(before)


def texts(folder: Path) -> dict[str, str]:
    """Every file below `folder`, without the report's times."""
    found = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: text for name, text in found.items() if not name.startswith("report.")}


def secrets_of(program: Program) -> list[str]:
    """The secret texts in a stack's state: the password and the lines of the key."""
    state = states.load(states.path_of(program.folder, "dev"), "demo", "dev")
    found = []
    for record in state.resources.values():
        for _, value, secret in wire.leaves(record.outputs):
            if secret and isinstance(value, str) and len(value) > 8:
                found += [line for line in value.splitlines() if len(line) > 20 and "-----" not in line]
    return found


@pytest.fixture
def hybrid(program: Program) -> Program:
    """A small hybrid deployment."""
    return program.write(HYBRID)


def test_rehearse(hybrid: Program) -> None:
    """Files, report and state are written; nothing secret is in files or output; a second run is the same."""
    done = command("rehearse", cwd=hybrid.folder)
    assert done.returncode in (0, 1), done.stderr
    assert "written to out/dev" in done.stdout
    assert "mind the gap" in done.stdout
    assert "\x1b[" not in done.stdout  # plain when piped
    out = hybrid.folder / "out" / "dev"
    assert sorted(texts(out)) == [
        "manifests/secret-kong-dp-kong-cluster-cert.yaml",
        "manifests/secret-kong-kong-cluster-cert.yaml",
        "releases/kong-cp.yaml",
        "releases/kong-dp.yaml",
    ]
    report = json.loads((out / "report.json").read_text())
    assert report["stack"] == "dev"
    assert report["engine"] == "rehearsal"
    assert {"urn", "type", "name"} <= set(report["resources"][0])
    cluster = [link for link in report["links"] if link["link"] == "cluster"]
    assert cluster
    assert all(link["ok"] for link in cluster)
    written = done.stdout + done.stderr + "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    secrets = secrets_of(hybrid)
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret in written]
    assert "PRIVATE KEY" not in written
    before = texts(out)
    again = command("rehearse", cwd=hybrid.folder)
    assert again.returncode == done.returncode
    assert texts(out) == before


def test_preview(hybrid: Program) -> None:
    """Before the first run all is new, after it nothing changes; nothing is written by looking."""
    planned = command("rehearse", "--preview", cwd=hybrid.folder)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.endswith("7 to create, 0 unchanged\n")
    assert not (hybrid.folder / "out").exists()
    assert not (hybrid.folder / ".rehearsal").exists()
    command("rehearse", cwd=hybrid.folder)
    assert command("rehearse", "--preview", cwd=hybrid.folder).stdout == "no change (7 resources)\n"
    ahead = command("rehearse", "--preview", "--at", "2099-01-01", "--format", "json", cwd=hybrid.folder)
    steps = {step["name"]: step["op"] for step in json.loads(ahead.stdout)["steps"]}
    assert steps["cert"] == "replace"
    assert steps["key"] == "same"


def test_looking_ahead(hybrid: Program) -> None:
    """`--at` judges today's keys by that day and says what would be renewed; it makes nothing on that day."""
    command("rehearse", cwd=hybrid.folder)
    state = (hybrid.folder / ".rehearsal" / "dev.json").read_text()
    before = texts(hybrid.folder / "out" / "dev")
    done = command("rehearse", "--at", "2099-01-01", "--format", "json", cwd=hybrid.folder)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    good = [link for link in report["links"] if link["link"] == "cluster" and link["expected"] == "accept"]
    assert good
    assert not any(link["ok"] for link in good)
    assert "cert" in done.stdout
    assert (hybrid.folder / ".rehearsal" / "dev.json").read_text() == state
    assert texts(hybrid.folder / "out" / "dev") == before


def test_secrets_and_prove(hybrid: Program) -> None:
    """With --secrets the files are the owner's alone, and another process proves the same links from them."""
    done = command("rehearse", "--secrets", "--format", "json", cwd=hybrid.folder)
    out = hybrid.folder / "out" / "dev"
    assert {stat.S_IMODE(p.stat().st_mode) for p in out.rglob("*.yaml")} == {0o600}
    proved = command("prove", out, "--format", "json", cwd=hybrid.folder.parent)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert json.loads(proved.stdout)["links"] == json.loads(done.stdout)["links"]
    assert list(json.loads(proved.stdout)) == ["links"]
    assert command("prove", out, "--at", "2099-01-01", cwd=hybrid.folder).returncode == 1


def test_prove_masked_files(hybrid: Program) -> None:
    """Masked files prove nothing: every link is null, which is no failure."""
    command("rehearse", cwd=hybrid.folder)
    proved = command("prove", "out/dev", "--format", "json", cwd=hybrid.folder)
    links = json.loads(proved.stdout)["links"]
    assert links
    assert {link["ok"] for link in links} == {None}


def test_placeholders_make_links_null(hybrid: Program) -> None:
    """A cluster certificate that only the engine can decrypt is named, and its link is not claimed."""
    text = HYBRID.replace("cert.cert_pem", "given['certificate']").replace("key.private_key_pem})", "given['key']})")
    hybrid.write("    given = pulumi.Config().require_secret_object('pair')\n" + text)
    hybrid.stack("dev", "config: {'demo:pair': {certificate: {secure: a}, key: {secure: b}}}")
    done = command("rehearse", "--format", "json", cwd=hybrid.folder)
    report = json.loads(done.stdout)
    assert "demo:pair.key" in done.stdout
    assert {link["ok"] for link in report["links"] if link["link"] == "cluster"} == {None}


def test_audit(hybrid: Program, tmp_path: Path) -> None:
    """Files, folders and standard input; 1 with an error-level finding, 0 without."""
    command("rehearse", cwd=hybrid.folder)
    found = command("audit", "out/dev", "--format", "json", cwd=hybrid.folder)
    findings = json.loads(found.stdout)["findings"]
    assert found.returncode == (1 if any(item["severity"] == "error" for item in findings) else 0)
    clean = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"
    assert command("audit", "-", cwd=tmp_path, stdin=clean).returncode == 0
    key = clean + "data: {k: '-----BEGIN EC PRIVATE KEY-----'}\n"
    assert command("audit", "-", cwd=tmp_path, stdin=key).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (["audit", "nowhere.yaml"], "", 2, "nowhere.yaml"),
        (["audit", "-"], "a: [", 2, "YAML"),
        (["audit"], "", 2, "Missing argument"),
        (["prove", "nowhere"], "", 1, "nowhere"),
        (["rehearse", "--stack", "qa"], "", 1, 'stack "qa" does not exist: no Pulumi.qa.yaml'),
        (["rehearse", "--program", "nowhere"], "", 1, "no Pulumi project here"),
        (["rehearse", "--at", "soon"], "", 2, "'soon' is no day or time"),
        (["rehearse", "--format", "xml"], "", 2, "xml"),
        (["rehearse", "--out", "/proc/nowhere"], "", 1, "/proc/nowhere/dev: cannot be written: "),
        (["unheard-of"], "", 2, "unheard-of"),
    ],
)
def test_wrong_usage(hybrid: Program, arguments: list[str], stdin: str, code: int, message: str) -> None:
    """One clear message on stderr, nothing on stdout, nothing written, and the promised exit code."""
    done = inside(*arguments, cwd=hybrid.folder, stdin=stdin)
    assert done.exit_code == code
    assert message in done.stderr
    assert isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    assert not (hybrid.folder / "out").exists()
    assert not (hybrid.folder / ".rehearsal").exists()


@pytest.mark.parametrize(
    ("main", "message"),
    [
        ("raise pulumi.RunError('host: missing')", "error: host: missing\n"),
        ("import nothing_of_the_kind", "error: the program imports nothing_of_the_kind, which is not installed"),
        ("tls.PrivateKey('key', algorithm='DSA')", 'error: tls:index/privateKey:PrivateKey "key": algorithm'),
        ("k8s.core.v1.PersistentVolume('v', spec={})", "kubernetes:core/v1:PersistentVolume  v"),
    ],
)
def test_programs_that_refuse(program: Program, main: str, message: str) -> None:
    """The program's own refusal is one message and exit 1; what was there before stays."""
    program.write("pulumi.export('x', 1)")
    assert inside("rehearse", cwd=program.folder).exit_code == 0
    before = {path: path.read_bytes() for path in program.folder.rglob("*") if path.suffix == ".json"}
    program.write(main)
    done = inside("rehearse", cwd=program.folder)
    assert done.exit_code == 1
    assert message in done.stderr
    assert isinstance(done.exception, SystemExit)
    assert {path: path.read_bytes() for path in program.folder.rglob("*") if path.suffix == ".json"} == before


def test_unstaged_resources_can_pass(program: Program) -> None:
    """With --unstaged pass the rest is rehearsed, and what was not is listed."""
    program.write("k8s.core.v1.PersistentVolume('disk', spec={})\nk8s.core.v1.ConfigMap('map', metadata={'name': 'm'})")
    done = inside("rehearse", "--unstaged", "pass", "--format", "json", cwd=program.folder)
    assert done.exit_code == 0, done.stderr
    assert "kubernetes:core/v1:PersistentVolume" in done.stdout
    assert (program.folder / "out" / "dev" / "manifests" / "configmap-default-m.yaml").is_file()


def test_ctrl_c(program: Program) -> None:
    """An interrupt in the middle of a run ends it with 130; state and files are as before."""
    program.write("random.RandomUuid('id')")
    assert command("rehearse", cwd=program.folder).returncode == 0
    before = {path: path.read_bytes() for path in program.folder.rglob("*.json")}
    program.write("""
        import os, signal
        random.RandomUuid("id").result.apply(lambda _: os.kill(os.getpid(), signal.SIGINT))
        random.RandomUuid("other")
    """)
    done = command("rehearse", cwd=program.folder)
    assert done.returncode == 130
    assert done.stderr == "error: interrupted\n"
    assert {path: path.read_bytes() for path in program.folder.rglob("*.json")} == before
    assert sorted(path.name for path in (program.folder / "out").iterdir()) == ["dev"]
    assert sorted(path.name for path in (program.folder / ".rehearsal").iterdir()) == ["dev.json"]


def test_damaged_state(program: Program) -> None:
    """A damaged state is named, and neither overwritten nor ignored."""
    program.write("random.RandomUuid('id')")
    (program.folder / ".rehearsal").mkdir()
    (program.folder / ".rehearsal" / "dev.json").write_text("{")
    done = inside("rehearse", cwd=program.folder)
    assert done.exit_code == 1
    assert "dev.json: the rehearsal's state is damaged" in done.stderr
    assert (program.folder / ".rehearsal" / "dev.json").read_text() == "{"
    assert not (program.folder / "out").exists()


def test_output_in_the_way(program: Program) -> None:
    """An output folder that holds a person's files is refused before anything is kept."""
    program.write("random.RandomUuid('id')")
    (program.folder / "out" / "dev").mkdir(parents=True)
    (program.folder / "out" / "dev" / "notes.txt").write_text("mine")
    done = inside("rehearse", cwd=program.folder)
    assert done.exit_code == 1
    assert "holds 'notes.txt', which is not a rehearsal's" in done.stderr
    assert not (program.folder / ".rehearsal").exists()


def test_help() -> None:
    """Every command says what it does."""
    done = inside("--help", cwd=Path.cwd())
    assert done.exit_code == 0
    for name in ("rehearse", "prove", "audit"):
        assert name in done.stdout
        assert inside(name, "--help", cwd=Path.cwd()).exit_code == 0
