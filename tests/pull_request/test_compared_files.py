"""What differs between the files of two rehearsals, and what only differs with the keys."""

import textwrap

from scripts.pull_request.manifests import compare, renamed, with_names

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def manifest(kind: str, name: str, more: str = "") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: kong\n{textwrap.dedent(more)}"


def config_map(*contents: str) -> str:
    pem = textwrap.indent("".join(PEM.format(each) for each in contents), "    ")
    return manifest("ConfigMap", "trust", f"data:\n  ca.crt: |\n{pem}")


def values(image: str, checksum: str) -> str:
    return f"values:\n  image:\n    digest: {image}\n  podAnnotations:\n    checksum/cluster-cert: {checksum}\n"


def test_a_change_is_a_diff() -> None:
    """The lines that differ, with their surroundings, and without file names."""
    files, renewed = compare({"a.yaml": "one\ntwo\n"}, {"a.yaml": "one\nthree\n"})
    assert [(file.path, file.fate, file.diff) for file in files] == [
        ("a.yaml", "changed", "@@ -1,2 +1,2 @@\n one\n-two\n+three")
    ]
    assert renewed == 0


def test_files_come_and_go() -> None:
    """Each is shown in full."""
    files, _ = compare({"old.yaml": "x\n"}, {"new.yaml": "y\n"})
    assert [(file.path, file.fate, file.diff.splitlines()[-1]) for file in files] == [
        ("new.yaml", "new", "+y"),
        ("old.yaml", "gone", "-x"),
    ]


def test_a_renewed_certificate_is_no_diff() -> None:
    """Other certificates and other digests of them are counted, not shown."""
    base = {"t.yaml": config_map("MIIBone"), "r.yaml": values("sha256:" + "a" * 64, "1" * 64)}
    head = {"t.yaml": config_map("MIICtwo"), "r.yaml": values("sha256:" + "a" * 64, "2" * 64)}
    assert compare(base, head) == ((), 2)


def test_one_more_certificate_is_a_diff() -> None:
    """A trust bundle with a second CA shows, as a line that holds no certificate."""
    files, _ = compare({"t.yaml": config_map("MIIBone")}, {"t.yaml": config_map("MIIBone", "MIIBtwo")})
    assert [line for line in files[0].diff.splitlines() if line.startswith("+")] == ["+    (certificate)"]


def test_an_image_by_digest_is_a_diff() -> None:
    """What is no digest of ours shows: another image is another program."""
    base, head = (values("sha256:" + each * 64, "1" * 64) for each in "ab")
    files, renewed = compare({"r.yaml": base}, {"r.yaml": head})
    assert "+    digest: sha256:bbbb" in files[0].diff
    assert renewed == 0


def test_a_key_is_never_in_a_diff() -> None:
    """Even if a file had one that wasn't masked."""
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n"
    files, _ = compare({}, {"a.yaml": key, "b.yaml": "tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VB\n"})
    assert [file.diff.splitlines()[1:] for file in files] == [["+(private key)"], ["+tls.key: (pem)"]]


def test_a_generated_name_is_no_diff() -> None:
    """An object that is replaced under a name made from its content, and those that name it, differ in nothing else."""
    base = {
        "manifests/secret-kong-tls-0a1b2c3d.yaml": manifest("Secret", "tls-0a1b2c3d"),
        "manifests/ingress-kong-i.yaml": manifest("Ingress", "i", "spec:\n  tls:\n  - secretName: tls-0a1b2c3d\n"),
    }
    head = {path.replace("0a1b2c3d", "ffffffff"): text.replace("0a1b2c3d", "ffffffff") for path, text in base.items()}
    assert compare(base, head) == ((), 2)
    assert renamed(base, head) == {"tls-0a1b2c3d": "tls-ffffffff"}


def test_another_name_is_a_diff() -> None:
    """A name that somebody chose, and one of which it isn't clear what took its place, show."""
    base = {"a.yaml": manifest("Secret", "tls-0a1b2c3d"), "b.yaml": manifest("Secret", "tls-0a1b2c3e")}
    head = {"c.yaml": manifest("Secret", "tls-ffffffff")}
    assert [file.fate for file in compare(base, head)[0]] == ["gone", "gone", "new"]
    base, head = {"a.yaml": manifest("Secret", "tls-one")}, {"b.yaml": manifest("Secret", "tls-two")}
    assert [file.fate for file in compare(base, head)[0]] == ["gone", "new"]


def test_a_generated_name_with_another_content() -> None:
    """What differs besides the name is shown."""
    base = {"a-0a1b2c3d.yaml": manifest("ConfigMap", "nginx-0a1b2c3d", "data:\n  port: '80'\n")}
    head = {"a-ffffffff.yaml": manifest("ConfigMap", "nginx-ffffffff", "data:\n  port: '443'\n")}
    (file,), _ = compare(base, head)
    assert (file.path, file.fate) == ("a-ffffffff.yaml", "changed")
    assert [line for line in file.diff.splitlines() if line[0] in "+-"] == ["-  port: '80'", "+  port: '443'"]


def test_names_in_other_texts() -> None:
    """Only the whole name is replaced."""
    names = {"tls-0a1b2c3d": "tls-ffffffff"}
    assert with_names("Secret/kong/tls-0a1b2c3d, tls-0a1b2c3d4", names) == "Secret/kong/tls-ffffffff, tls-0a1b2c3d4"
    assert with_names("tls-0a1b2c3d", {}) == "tls-0a1b2c3d"
