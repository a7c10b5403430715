"""Reading Kubernetes objects and Helm releases from files."""

import base64
import io
import json
from pathlib import Path

import pytest
import yaml

from kong_mtls.reader import manifests
from kong_mtls.reader.manifests import UnreadableInput, ident, read_paths, read_texts, secret_data


def secret(name: str, namespace: str | None = "kong", **rest: object) -> dict[str, object]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata} | rest


def text(*documents: object) -> str:
    return yaml.safe_dump_all(documents)


def test_objects_are_found_by_kind_namespace_and_name() -> None:
    """Several documents in several files are one index, sorted, each knowing its file."""
    objects = read_texts({"b.yaml": text(secret("b"), secret("a")), "a.yaml": text(secret("c", "apps"))})
    assert [ident(o) for o in objects.all("Secret")] == ["Secret/apps/c", "Secret/kong/a", "Secret/kong/b"]
    found = objects.get("Secret", "kong", "a")
    assert found is not None
    assert objects.source(found) == "b.yaml"
    assert objects.get("Secret", "apps", "a") is None
    assert objects.get("ConfigMap", "kong", "a") is None
    assert len(objects) == len(list(objects)) == 3


def test_cluster_scoped_objects_have_no_namespace() -> None:
    """A cluster-scoped object is found with any namespace; others without one are in "default"."""
    plugin = {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongClusterPlugin",
        "metadata": {"name": "p"},
    }
    objects = read_texts({"a.yaml": text(plugin, secret("s", None))})
    assert ident(plugin) == "KongClusterPlugin//p"
    assert objects.get("KongClusterPlugin", "kong", "p") == plugin
    assert objects.get("Secret", None, "s") == objects.get("Secret", "default", "s") == secret("s", None)


def test_lists_are_flattened() -> None:
    """`kubectl get -o yaml` writes a List; the API server's typed lists leave kind out of the items."""
    bare = {"metadata": {"name": "b", "namespace": "kong"}}
    objects = read_texts(
        {
            "list.yaml": text({"apiVersion": "v1", "kind": "List", "items": [secret("a")]}),
            "typed.json": json.dumps({"apiVersion": "v1", "kind": "SecretList", "items": [bare]}),
        }
    )
    assert [ident(o) for o in objects] == ["Secret/kong/a", "Secret/kong/b"]


def test_patches_are_laid_over_the_full_object_wherever_it_stands() -> None:
    """A patch adds its annotations to an object of a later file; a patch alone is a partial object."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "echo", "namespace": "apps", "annotations": {"a": "1", "b": "1"}},
        "spec": {"ports": [{"port": 80}]},
    }
    patch = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "echo",
            "namespace": "apps",
            "annotations": {"b": "2", "c": "2"},
            "labels": {"x": "y"},
        },
    }
    other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "namespace": "apps"}}
    objects = read_texts(
        {
            "m/patch-service-apps-echo.yaml": text(patch),
            "m/patch-service-apps-other.yaml": text(other),
            "m/service-apps-echo.yaml": text(service),
        }
    )
    merged = objects.get("Service", "apps", "echo")
    assert merged is not None
    assert manifests.annotations_of(merged) == {"a": "1", "b": "2", "c": "2"}
    assert manifests.labels_of(merged) == {"x": "y"}
    assert merged["spec"] == service["spec"]
    assert objects.source(merged) == "m/service-apps-echo.yaml"
    assert not objects.is_partial(merged)
    assert objects.is_partial(other)


def test_secret_values_are_decoded_and_masked_ones_unknown() -> None:
    """`data` is base64, `stringData` wins, a masked or undecodable value is None."""
    data = {"a": base64.b64encode(b"x").decode() + "\n", "b": "no base64!", "c": "eA==", "d": "(masked)"}
    obj = secret("s", data=data, stringData={"c": "y", "e": "(masked)"})
    assert secret_data(obj) == {"a": b"x", "b": None, "c": b"y", "d": None, "e": None}
    assert secret_data(secret("empty", data=None)) == {}


def test_configmap_values() -> None:
    """A ConfigMap's data is plain text, binaryData base64."""
    obj = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "x"}, "binaryData": {"b": "eQ=="}}
    assert manifests.configmap_data(obj) == {"a": b"x", "b": b"y"}


def test_releases() -> None:
    """A document with `chart` and `release` is a Helm release; its version and namespace may be absent."""
    full = {"chart": "kong", "version": "3.4.1", "release": "cp", "namespace": "kong", "values": {"env": {}}}
    local = {"chart": "/charts/kong-3.4.1.tgz", "release": "dp", "values": None}
    objects = read_texts({"releases/cp.yaml": text(full), "releases/dp.yaml": text(local)})
    dp, cp = objects.releases
    assert (cp.name, cp.namespace, cp.version, cp.chart_name) == ("cp", "kong", "3.4.1", "kong")
    assert (dp.name, dp.namespace, dp.version, dp.chart_name) == ("dp", "default", None, "kong")
    assert dp.values == {}
    assert cp.source == "releases/cp.yaml"


@pytest.mark.parametrize("chart", ["kong", "kong/kong", "oci://host/charts/kong", "./charts/kong/", "kong-3.4.1.tgz"])
def test_a_chart_is_known_by_the_last_element_of_its_path(chart: str) -> None:
    """Repository, path or archive: the chart is the same."""
    (release,) = read_texts({"r.yaml": text({"chart": chart, "release": "r"})}).releases
    assert release.chart_name == "kong"


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    """Dates and base-60 numbers stay strings; on/off are booleans; 0x and octal are numbers."""
    source = "chart: c\nrelease: r\nvalues: {d: 2026-01-02, t: 12:30, b: on, o: 0755, f: 1.5, n: ~}"
    (release,) = read_texts({"r.yaml": source}).releases
    assert release.values == {"d": "2026-01-02", "t": "12:30", "b": True, "o": 0o755, "f": 1.5, "n": None}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: [", "line 2: not valid YAML"),
        ("a: b: c", "line 1: not valid YAML"),
        ('{"kind": "Secret",', "not valid YAML"),
        ("kind: Secret\nkind: Secret", "line 1: not valid YAML: key 'kind' stands twice"),
        ("- 1", "a document is a list"),
        ("just text", "a document is a str"),
        ("apiVersion: v1\nmetadata: {name: x}", "no kind"),
        ("kind: Secret\nmetadata: {name: x}", "no apiVersion"),
        ("apiVersion: v1\nkind: Secret", "a Secret has no metadata.name"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: [a]}", "metadata.labels is no mapping"),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: [a]",
            "Secret x: data is no mapping",
        ),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: [x]}", "a Secret's metadata.name is no text"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: 5}", "metadata.namespace is no text"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: 5", "Service x: spec is no mapping"),
        ("a: 1", "neither a Kubernetes object nor a Helm release"),
        ("chart: kong\nrelease: r\nvalues: [1]", "values is a list"),
        ("a: !vault x", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_unreadable_texts_are_refused_with_the_file_named(source: str, message: str) -> None:
    """One clear line, naming the file, for everything that is not what it should be."""
    with pytest.raises(UnreadableInput) as e:
        read_texts({"dir/x.yaml": source})
    assert str(e.value).startswith("dir/x.yaml")
    assert message in str(e.value)
    assert "\n" not in str(e.value)


def test_messages_quote_nothing_of_the_file() -> None:
    """A syntax error beside a secret value does not print it."""
    with pytest.raises(UnreadableInput) as e:
        read_texts({"x.yaml": "stringData:\n  password: hunter2: [\n"})
    assert "hunter2" not in str(e.value)
    release = {"chart": "kong", "release": "r", "values": {"env": {"pg_password": "hunter2"}}}
    assert "hunter2" not in repr(read_texts({"r.yaml": text(release)}).releases)


def test_folders_files_and_standard_input(tmp_path: Path) -> None:
    """A folder is read recursively, what is foreign or hidden in it is passed over."""
    (tmp_path / "m").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "m" / "a.yaml").write_text(text(secret("a")))
    (tmp_path / ".git" / "b.yaml").write_text(text(secret("b")))
    (tmp_path / "report.json").write_text('{"stack": "dev"}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "notes.md").write_text("a: [")
    objects = read_paths([tmp_path, "-"], stdin=io.StringIO(text(secret("c"))))
    assert [ident(o) for o in objects] == ["Secret/kong/a", "Secret/kong/c"]
    with pytest.raises(UnreadableInput, match="neither"):
        read_paths([tmp_path / "report.json"])
    assert len(read_paths([])) == 0


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A missing file, a binary one, and broken YAML inside a folder."""
    with pytest.raises(UnreadableInput, match="no such file"):
        read_paths([tmp_path / "none.yaml"])
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableInput, match="not a text file"):
        read_paths([tmp_path / "x.yaml"])
    (tmp_path / "x.yaml").write_text("a: [")
    with pytest.raises(UnreadableInput, match="not valid YAML"):
        read_paths([tmp_path])
