"""A small Postgres for development: one pod, one volume, no backup."""

from typing import TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from typing_extensions import NotRequired

from . import names
from .errors import InputError
from .inputs import check_inputs
from .objects import change_marker, make_secret
from .resources import child_options
from .values.database import DatabaseLinkArgs

IMAGE = "postgres:17.6"
_UID = 999  # the user `postgres` of the official image
_DATA = "/var/lib/postgresql/data"


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
    secret_name: NotRequired[str]
    """A fixed name for the Secret with the password; default: named by Pulumi."""


class DevelopmentPostgres(pulumi.ComponentResource):
    """Postgres with a random password, for a stack that nobody depends on.

    The official image reads the password only when it makes the database: to change it, change it in Postgres too.

    Raises:
        InputError: arguments that can't work, by name.
    """

    host: pulumi.Output[str]
    """Host name inside the cluster."""
    password_secret_name: pulumi.Output[str]
    """Secret with the password under the key `password`."""

    def __init__(self, name: str, args: DevelopmentPostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the password, its Secret, the Service and the StatefulSet."""
        super().__init__("kong-mtls:index:DevelopmentPostgres", name, {}, opts)
        where = f'DevelopmentPostgres "{name}"'
        check_inputs(DevelopmentPostgresArgs, args, where)
        self._service_name = args.get("service_name") or "kong-postgres"
        names.check_label(self._service_name, f"{where}: service_name")
        image = args.get("image") or IMAGE
        if ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"):
            raise InputError(f"{where}: image {image!r} floats; give a version, such as {IMAGE!r}")
        child = child_options(self, opts)
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=child)
        secret = make_secret(
            f"{name}-password",
            namespace=args["namespace"],
            data={"password": password.result},
            fixed_name=args.get("secret_name"),
            what=f"{where}: secret_name",
            opts=child,
        )
        service = self._service(name, args, child)
        self._stateful_set(name, args, image, secret.metadata.name, child)
        self.host = pulumi.Output.from_input(names.host(service.metadata.name, args["namespace"]))
        self.password_secret_name = secret.metadata.name
        self.link: DatabaseLinkArgs = {
            "host": self.host,
            "password_secret": {
                "name": secret.metadata.name,
                "checksum": change_marker(f"{name}-marker", password.result, child),
            },
        }
        self.register_outputs({"host": self.host, "password_secret_name": self.password_secret_name})

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": "postgres", "app.kubernetes.io/instance": self._service_name}

    def _service(
        self, name: str, args: DevelopmentPostgresArgs, child: pulumi.ResourceOptions
    ) -> kubernetes.core.v1.Service:
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

    def _stateful_set(
        self,
        name: str,
        args: DevelopmentPostgresArgs,
        image: str,
        secret_name: pulumi.Input[str],
        child: pulumi.ResourceOptions,
    ) -> None:
        ready = {
            "exec_": {"command": ["pg_isready", "--username=kong", "--dbname=kong"]},
            "period_seconds": 5,
        }
        container = {
            "name": "postgres",
            "image": image,
            "env": [
                {"name": "POSTGRES_USER", "value": "kong"},
                {"name": "POSTGRES_DB", "value": "kong"},
                # A directory of its own: a volume's root may hold lost+found, which initdb refuses.
                {"name": "PGDATA", "value": f"{_DATA}/pgdata"},
                {
                    "name": "POSTGRES_PASSWORD",
                    "value_from": {"secret_key_ref": {"name": secret_name, "key": "password"}},
                },
            ],
            "ports": [{"name": "postgres", "container_port": names.POSTGRES_PORT}],
            "readiness_probe": ready,
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
            "security_context": {
                "allow_privilege_escalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "volume_mounts": [{"name": "data", "mount_path": _DATA}],
        }
        claim = {
            "access_modes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": args.get("storage") or "1Gi"}},
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
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={
                "service_name": self._service_name,
                "replicas": 1,
                "selector": {"match_labels": self._labels()},
                "template": {
                    "metadata": {"labels": self._labels()},
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
                    },
                },
                "volume_claim_templates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
            opts=child,
        )
