"""A small Postgres for development: one pod, one volume, no backup."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from typing_extensions import NotRequired

from . import names
from .args import SecretRefArgs, TrustRefArgs
from .cluster_pki import ClusterAuthorityArgs, LeafArgs
from .inputs import check_inputs
from .issued import issued_secret
from .objects import change_marker, make_secret
from .pki.authority import CertificateAuthority, link_authority
from .pki.cert_manager.args import IssuanceArgs
from .pki.issue import SERVER, Leaf
from .reloads import checksums, reload_annotations
from .resources import child_options
from .trust import trust_bundle
from .values.database import DatabaseLinkArgs, check_development

IMAGE = "postgres:17.6"
STORAGE = "1Gi"
SERVICE = "kong-postgres"
_UID = 999  # the user `postgres` of the official image
_DATA = "/var/lib/postgresql/data"
_CERTIFICATE = "/etc/postgres-certificate"
_PASSWORD = "/etc/postgres-password"  # noqa: S105  # where it is mounted
_TLS_SETTINGS = ("ssl=on", f"ssl_cert_file={_CERTIFICATE}/tls.crt", f"ssl_key_file={_CERTIFICATE}/tls.key")


class DevelopmentPostgresArgs(TypedDict):
    """Size and place of the database."""

    namespace: pulumi.Input[str]
    """Where it runs: the control plane's namespace, which reads its password."""
    service_name: NotRequired[str]
    """Name of its StatefulSet and Service; default `kong-postgres`."""
    image: NotRequired[str]
    """Default `postgres:17.6`, the official image."""
    storage: NotRequired[str]
    """Size of its volume; default `1Gi`."""
    storage_class: NotRequired[str]
    """A StorageClass; default the cluster's."""
    authority: NotRequired[ClusterAuthorityArgs]
    """The CA of its server certificate, and the CA's generations."""
    leaf: NotRequired[LeafArgs]
    """Lifetime and key of its server certificate."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make the certificate; default: made here."""
    fixed_secret_names: NotRequired[bool]
    """Use the names `kong-postgres-password`, `kong-postgres-cert` and `kong-postgres-ca`; default: named by Pulumi."""


class DevelopmentPostgres(pulumi.ComponentResource):
    """Postgres with a random password and TLS under a CA of its own, for a stack that nobody depends on.

    The official image reads the password only when it makes the database: to change it, change it in Postgres too.

    Raises:
        InputError: arguments that can't work, by name.
    """

    host: pulumi.Output[str]
    """Host name inside the cluster."""
    authority: pulumi.Output[Mapping[str, Any]]
    """`{"generations": [...], "issuing": ...}` of its CA, to be given back as the authority's `last_applied`."""
    password_secret_name: pulumi.Output[str]
    """Secret with the password under the key `password`."""

    def __init__(self, name: str, args: DevelopmentPostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the password, its Secret, the Service and the StatefulSet."""
        super().__init__("kong-mtls:index:DevelopmentPostgres", name, {}, opts)
        where = f'DevelopmentPostgres "{name}"'
        check_inputs(DevelopmentPostgresArgs, args, where)
        self._service_name = args.get("service_name") or SERVICE
        names.check_label(self._service_name, f"{where}: service_name")
        image = args.get("image") or IMAGE
        check_development(image, args.get("storage") or STORAGE, f"{where}: ")
        child = child_options(self, opts)
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=child)
        secret = make_secret(
            f"{name}-password",
            namespace=args["namespace"],
            data={"password": password.result},
            fixed_name=f"{self._service_name}-password" if args.get("fixed_secret_names") else None,
            what=where,
            opts=child,
        )
        service = self._service(name, args, child)
        certificate, trust = self._certificates(name, args, where, child)
        self._stateful_set(
            name, args=args, image=image, secret_name=secret.metadata.name, certificate=certificate, child=child
        )
        self.host = pulumi.Output.from_input(names.host(service.metadata.name, args["namespace"]))
        self.password_secret_name = secret.metadata.name
        self.link: DatabaseLinkArgs = {
            "host": self.host,
            "tls": {"trust": trust},
            "password_secret": {
                "name": secret.metadata.name,
                "checksum": change_marker(f"{name}-marker", password.result, child),
            },
        }
        self.register_outputs(
            {"host": self.host, "authority": self.authority, "password_secret_name": self.password_secret_name}
        )

    def _certificates(
        self, name: str, args: DevelopmentPostgresArgs, where: str, child: pulumi.ResourceOptions
    ) -> tuple[SecretRefArgs, TrustRefArgs]:
        """The server's pair, and what the control plane trusts."""
        given = link_authority("kong postgres", args.get("authority"), args.get("cert_manager"))
        authority = CertificateAuthority(f"{name}-ca", given, child)
        dns_names = names.service_dns_names(self._service_name, args["namespace"])
        self.authority = authority.applied
        leaf = Leaf(self._service_name, [SERVER], dns_names, **(args.get("leaf") or {}))
        fixed = args.get("fixed_secret_names")
        certificate = issued_secret(
            f"{name}-cert",
            leaf,
            authority.issuing_signer,
            namespace=args["namespace"],
            fixed_name=None,
            usual_name=f"{self._service_name}-cert" if fixed else None,
            what=where,
            opts=child,
        ).ref
        trust = trust_bundle(
            f"{name}-trust",
            namespace=args["namespace"],
            pem=authority.trust_pem,
            fixed_name=f"{self._service_name}-ca" if fixed else None,
            what=where,
            opts=child,
        )
        return certificate, trust

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/instance": self._service_name}

    def _service(
        self, name: str, args: DevelopmentPostgresArgs, child: pulumi.ResourceOptions
    ) -> "kubernetes.core.v1.Service":
        # Without a running pod there are no endpoints, and the provider would wait for some.
        annotations = {"pulumi.com/skipAwait": "true"}
        return kubernetes.core.v1.Service(
            name,
            metadata={
                "name": self._service_name,
                "namespace": args["namespace"],
                "labels": self._labels(),
                "annotations": annotations,
            },
            spec={
                "selector": self._labels(),
                "ports": [{"name": "postgres", "port": names.POSTGRES_PORT, "target_port": "postgres"}],
            },
            opts=child,
        )

    def _environment(
        self, name: str, args: DevelopmentPostgresArgs, child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        """The ConfigMap with the image's variables (Docker official image `postgres`, "Environment Variables")."""
        data = {
            "POSTGRES_USER": "kong",
            "POSTGRES_DB": "kong",
            # A directory of its own: a volume's root may hold lost+found, which initdb refuses.
            "PGDATA": f"{_DATA}/pgdata",
            "POSTGRES_PASSWORD_FILE": f"{_PASSWORD}/password",
        }
        made = kubernetes.core.v1.ConfigMap(
            f"{name}-env", metadata={"namespace": args["namespace"]}, data=data, opts=child
        )
        result: pulumi.Output[str] = made.metadata.apply(lambda metadata: str(metadata.name))
        return result

    def _stateful_set(
        self,
        name: str,
        *,
        args: DevelopmentPostgresArgs,
        image: str,
        secret_name: pulumi.Input[str],
        certificate: SecretRefArgs,
        child: pulumi.ResourceOptions,
    ) -> None:
        ready = {
            "exec_": {"command": ["pg_isready", "--username=kong", "--dbname=kong"]},
            "period_seconds": 5,
        }
        environment = self._environment(name, args, child)
        container = {
            "name": "postgres",
            "image": image,
            # Not as a list of its own: Reloader puts a variable into that, and each refresh would show a change.
            "env_from": [{"config_map_ref": {"name": environment}}],
            "args": [f"-c{setting}" for setting in _TLS_SETTINGS],
            "ports": [{"name": "postgres", "container_port": names.POSTGRES_PORT}],
            "readiness_probe": ready,
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
            "security_context": {
                "allow_privilege_escalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "volume_mounts": [
                {"name": "data", "mount_path": _DATA},
                {"name": "certificate", "mount_path": _CERTIFICATE, "read_only": True},
                {"name": "password", "mount_path": _PASSWORD, "read_only": True},
            ],
        }
        claim = {
            "access_modes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": args.get("storage") or STORAGE}},
        }
        if args.get("storage_class"):
            claim["storage_class_name"] = args["storage_class"]
        kubernetes.apps.v1.StatefulSet(
            name,
            metadata={
                "name": self._service_name,
                "namespace": args["namespace"],
                "labels": self._labels(),
                # The control plane waits for the database by itself; this program goes on.
                "annotations": {"pulumi.com/skipAwait": "true", **reload_annotations([certificate])},
            },
            spec={
                "service_name": self._service_name,
                "replicas": 1,
                "selector": {"match_labels": self._labels()},
                "template": {
                    # Postgres reads its certificate when it starts: a new one rolls the pod.
                    "metadata": {
                        "labels": self._labels(),
                        "annotations": checksums({"server-cert": certificate}),
                    },
                    "spec": {
                        "automount_service_account_token": False,
                        "security_context": {
                            "run_as_non_root": True,
                            "run_as_user": _UID,
                            "run_as_group": _UID,
                            "fs_group": _UID,
                            "seccomp_profile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                        "volumes": [
                            {
                                "name": "certificate",
                                # Owned by root with its group: Postgres takes such a key up to mode 0640.
                                "secret": {"secret_name": certificate["name"], "default_mode": 0o440},
                            },
                            {"name": "password", "secret": {"secret_name": secret_name, "default_mode": 0o440}},
                        ],
                    },
                },
                "volume_claim_templates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
            opts=child,
        )
