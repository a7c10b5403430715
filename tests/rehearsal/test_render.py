"""Files hold what the program deploys; masked ones hold nothing secret, clear ones can be proved from."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls.reader.manifests import UnreadableInput, read_texts, secret_data
from kong_mtls.rehearsal import render, wire

from .conftest import Program

SECRETS = """
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    password = random.RandomPassword("password", length=24, special=False)
    k8s.core.v1.Secret("pair", metadata={"name": "pair", "namespace": "a"}, type="kubernetes.io/tls",
        string_data={"tls.key": key.private_key_pem, "open": "plain"})
    k8s.core.v1.Secret("encoded", metadata={"name": "encoded"},
        data={"p": password.result.apply(lambda text: __import__("base64").b64encode(text.encode()).decode())})
    k8s.core.v1.SecretPatch("part", metadata={"name": "other", "namespace": "a"}, string_data={"k": password.result})
    k8s.core.v1.ConfigMap("map", metadata={"name": "map"}, data={"url": pulumi.Output.concat("pg://", password.result),
        "open": "yes"})
    k8s.helm.v3.Release("web", name="web", chart="oci://example.com/charts/nginx", version="1.0.0", namespace="a",
        skip_crds=True, repository_opts={"repo": "https://charts.example.com", "password": password.result},
        values={"env": {"password": password.result, "level": "info", "off": None},
            "list": [{"key": key.private_key_pem}]})
    k8s.apiextensions.CustomResource("plugin", api_version="configuration.konghq.com/v1", kind="KongPlugin",
        metadata={"name": "p", "namespace": "a", "annotations": {"forgotten": key.private_key_pem}}, spec=None)
    pulumi.export("password", password.result)
"""


def test_nothing_secret_is_in_masked_files(program: Program) -> None:
    """No key, no password, in no encoding, in no file; what is public stays readable."""
    done = program.write(SECRETS).run()
    text = "\n".join(render.render(done, masked=True).values())
    assert program.state is not None
    records = {urn.rpartition("::")[2]: record for urn, record in program.state.resources.items()}
    password = wire.plain(records["password"].outputs["result"])
    pem = wire.plain(records["key"].outputs["privateKeyPem"])
    for secret in (password, base64.b64encode(password.encode()).decode(), *pem.splitlines()[1:-1]):
        assert secret not in text
    assert "PRIVATE KEY" not in text
    assert "level: info" in text
    assert "'off': null" in text
    assert "open: 'yes'" in text
    assert "open: plain" not in text  # all data of a Secret is masked, whoever marked it


def test_masked_secrets(program: Program) -> None:
    """A masked Secret shows its keys under stringData, in place of its data."""
    files = render.render(program.write(SECRETS).run(), masked=True)
    pair = yaml.safe_load(files["manifests/secret-a-pair.yaml"])
    assert pair == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pair", "namespace": "a"},
        "type": "kubernetes.io/tls",
        "stringData": {"open": "(masked)", "tls.key": "(masked)"},
    }
    assert "data" not in yaml.safe_load(files["manifests/secret-default-encoded.yaml"])
    patched = yaml.safe_load(files["manifests/patch-secret-a-other.yaml"])
    assert patched["stringData"] == {"k": "(masked)"}


def test_release_file(program: Program) -> None:
    """Chart, version, repository, name, namespace, skipCrds and values, secret leaves masked one by one."""
    release = yaml.safe_load(render.render(program.write(SECRETS).run(), masked=True)["releases/web.yaml"])
    assert release == {
        "chart": "oci://example.com/charts/nginx",
        "version": "1.0.0",
        "repository": "https://charts.example.com",
        "release": "web",
        "namespace": "a",
        "skipCrds": True,
        "values": {"env": {"level": "info", "off": None, "password": "(masked)"}, "list": [{"key": "(masked)"}]},
    }


def test_release_without_version_or_repository(program: Program) -> None:
    """A chart from a folder has neither."""
    files = render.render(program.write("k8s.helm.v3.Release('w', name='w', chart='./chart')").run(), masked=True)
    assert yaml.safe_load(files["releases/w.yaml"]) == {
        "chart": "./chart",
        "release": "w",
        "namespace": "default",
        "skipCrds": False,
        "values": {},
    }


def test_clear_files_are_read_back(program: Program) -> None:
    """The reader finds every object, release and decoded value of a clear rendering."""
    done = program.write(SECRETS).run()
    objects = read_texts(render.render(done, masked=False))
    pair = objects.get("Secret", "a", "pair")
    assert pair is not None
    key = secret_data(pair)["tls.key"]
    assert key is not None
    assert key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    encoded = objects.get("Secret", "default", "encoded")
    assert encoded is not None
    assert secret_data(encoded)["p"] == wire.plain(done.exports["password"]).encode()
    assert [release.name for release in objects.releases] == ["web"]


def test_files_are_the_same_every_time(program: Program) -> None:
    """An unchanged stack gives the same bytes."""
    first = render.render(program.write(SECRETS).run(), masked=False)
    assert render.render(program.run(), masked=False) == first


def test_placeholders_prove_nothing(program: Program) -> None:
    """What stands in for a secret that only the engine knows stays masked in clear files, in any encoding."""
    program.stack("dev", "config: {'demo:pair': {certificate: {secure: a}, key: {secure: b}}, 'demo:p': {secure: c}}")
    files = render.render(
        program.write("""
        import base64
        pair, password = pulumi.Config().require_secret_object("pair"), pulumi.Config().require_secret("p")
        k8s.core.v1.Secret("s", metadata={"name": "s"}, string_data={"tls.crt": pair["certificate"], "open": "x"},
            data={"tls.key": pair["key"].apply(lambda pem: base64.b64encode(pem.encode()).decode())})
        k8s.helm.v3.Release("r", name="r", chart="c", values={"url": pulumi.Output.concat("pg://", password, "@h")})
    """).run(),
        masked=False,
    )
    secret = yaml.safe_load(files["manifests/secret-default-s.yaml"])
    assert secret["stringData"] == {"tls.crt": "(masked)", "open": "x", "tls.key": "(masked)"}
    assert "data" not in secret
    assert yaml.safe_load(files["releases/r.yaml"])["values"] == {"url": "(masked)"}


def test_two_patches_of_one_object(program: Program) -> None:
    """Each patch has a file of its own."""
    text = (
        "k8s.core.v1.ServicePatch('{0}', "
        "metadata={{'name': 'echo', 'namespace': 'a', 'annotations': {{'{0}': '1'}}}})\n"
    )
    files = render.render(program.write(text.format("x") + text.format("y")).run(), masked=True)
    assert sorted(files) == ["manifests/patch-service-a-echo--y.yaml", "manifests/patch-service-a-echo.yaml"]
    service = read_texts(files).get("Service", "a", "echo")
    assert service is not None
    assert service["metadata"]["annotations"] == {"x": "1", "y": "1"}


def test_what_is_only_read_is_not_written(program: Program) -> None:
    """An object that `get` looked up is written once, by the resource that makes it."""
    done = program.write("""
        made = k8s.core.v1.ConfigMap("made", metadata={"name": "made"}, data={"k": "v"})
        k8s.core.v1.ConfigMap.get("read", made.id)
    """).run()
    assert sorted(render.render(done, masked=True)) == ["manifests/configmap-default-made.yaml"]


def test_previews_can_be_rendered(program: Program) -> None:
    """What is unknown is said in words."""
    files = render.render(program.write(SECRETS).run(preview=True), masked=False)
    assert "(known after up)" in files["releases/web.yaml"]


@given(st.text(min_size=1))
def test_file_names_are_safe(name: str) -> None:
    """Whatever an object is called, its file stays in the folder."""
    safe = render._safe(name)
    assert safe
    assert "/" not in safe
    assert not safe.startswith(".")
    assert safe.isascii()


FILES = {"manifests/a.yaml": "a: 1\n", "releases/b.yaml": "b: 2\n"}


def put(folder: Path, files: dict[str, str], *, secret: bool = False) -> None:
    with render.replacing(folder) as fresh:
        render.write(files, fresh, secret=secret)


def test_stale_files_go(tmp_path: Path) -> None:
    """The folder is replaced as a whole; nothing else is left beside it."""
    folder = tmp_path / "out" / "dev"
    put(folder, FILES)
    put(folder, {"manifests/c.yaml": "c: 3\n"})
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()] == [
        "manifests/c.yaml"
    ]
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["dev"]


def test_clear_files_are_the_owners(tmp_path: Path) -> None:
    """With secrets every file is 0600; without, files are as the umask says."""
    put(tmp_path / "clear", FILES, secret=True)
    put(tmp_path / "masked", FILES)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "clear").rglob("*.yaml")} == {0o600}
    mask = os.umask(0)
    os.umask(mask)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "masked").rglob("*.yaml")} == {0o666 & ~mask}
    assert stat.S_IMODE((tmp_path / "masked").stat().st_mode) == 0o777 & ~mask


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_files(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever happens before all is written, the folder is as it was."""
    folder = tmp_path / "dev"
    put(folder, FILES)

    def half() -> None:
        with render.replacing(folder) as fresh:
            render.write({"manifests/new.yaml": ""}, fresh, secret=False)
            raise error

    with pytest.raises(error):
        half()
    assert sorted(p.name for p in folder.rglob("*.yaml")) == ["a.yaml", "b.yaml"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["dev"]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new folder cannot be moved in, the old one is."""
    folder = tmp_path / "dev"
    put(folder, FILES)
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(UnreadableInput, match="cannot be written: Permission denied"):
            put(folder, {"manifests/new.yaml": ""})
    assert sorted(p.name for p in folder.rglob("*.yaml")) == ["a.yaml", "b.yaml"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["dev"]


def test_foreign_files_are_not_removed(tmp_path: Path) -> None:
    """A folder with anything that no rehearsal wrote is refused and left alone."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "thesis.doc").write_text("years of work")
    with pytest.raises(UnreadableInput, match=r"holds 'thesis.doc', which is not a rehearsal's; name another folder"):
        put(tmp_path / "dev", FILES)
    assert (tmp_path / "dev" / "thesis.doc").read_text() == "years of work"


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the way, at any height, is one clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableInput, match="cannot be written: "):
        put(tmp_path / "file" / "dev", FILES)
    with pytest.raises(UnreadableInput, match="holds 'file'"):
        put(tmp_path / "file", FILES)
