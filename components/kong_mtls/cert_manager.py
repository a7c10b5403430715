"""cert-manager in the cluster, with trust-manager, approver-policy and Reloader: installed, or there already."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from . import names
from .args import ChartArgs
from .cert_manager_args import ApproverPolicyArgs, CertManagerArgs, ReloaderArgs, TrustManagerArgs
from .errors import InputError
from .inputs import check_inputs, choice
from .outputs import is_output, together
from .release import DEFAULT_TIMEOUT, chart_problems, helm_release
from .resources import child_options
from .values import approver_policy, cert_manager, trust_manager
from .values.charts import APPROVER_POLICY, CERT_MANAGER, RELOADER, TRUST_MANAGER
from .values.monitoring import monitoring_problems
from .values.reloader import STRATEGIES, reloader_values

NAMESPACE = "cert-manager"
RELOADER_NAME = "reloader"

_LONGEST_RELEASE = 53  # Helm's limit (helm/helm, pkg/chart/common/util/validate_name.go)


class CertManager(pulumi.ComponentResource):
    """cert-manager, which makes keys and certificates in the cluster and renews them.

    Everything that needs a Certificate, an issuer or a Bundle depends on this component, or on its ``ready``. The
    install ends with a check that cert-manager's webhooks answer. trust-manager and approver-policy have no such check,
    and refuse their objects until cert-manager's CA injector has put a CA into the webhook's configuration: that is
    waited for.

    Source: cert-manager/website, content/docs/installation/helm.md, content/docs/trust/trust-manager/installation.md,
    content/docs/policy/approval/approver-policy/installation.md.

    Raises:
        InputError: arguments that can't work, by name.
    """

    namespace: pulumi.Output[str]
    """cert-manager's namespace."""
    cluster_resource_namespace: pulumi.Output[str]
    """Where ClusterIssuers look for their Secrets and trust-manager for the CAs."""
    service_account: pulumi.Output[str]
    """Name of the controller's ServiceAccount, which asks for what Certificates want."""
    release_names: pulumi.Output[Mapping[str, str]]
    """Name of each release made here, once it is installed: `cert-manager`, `approver-policy`, `trust-manager`."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install what isn't there."""
        super().__init__("kong-mtls:index:CertManager", name, {}, opts)
        where = f'CertManager "{name}"'
        check_inputs(CertManagerArgs, args, where)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        self._name, self._where, self._args, self._child = name, where, args, child_options(self, opts)
        self._namespace = args.get("namespace") or NAMESPACE
        self._sources = args.get("cluster_resource_namespace") or self._namespace
        self._account = args.get("service_account") or cert_manager.SERVICE_ACCOUNT
        self._releases: dict[str, Any] = {}
        self.ready: list[pulumi.Resource] = []
        """What Certificates, issuers, policies and Bundles depend on; empty where all was there already."""
        self._cert_manager()
        self._approver_policy(args.get("approver_policy"))
        self._trust_manager(args.get("trust_manager") or {})
        reloader = args.get("reloader")
        self.reloader = None if reloader is None else Reloader(f"{name}-reloader", reloader, self._child)
        """The component beside it, where asked for."""
        self._export()

    def _installs(self, part: TrustManagerArgs | ApproverPolicyArgs) -> bool:
        return part.get("install", self._args.get("install", True))

    def _cert_manager(self) -> None:
        args = self._args
        install = args.get("install", True)
        place: pulumi.Input[str] = self._namespace
        if args.get("create_namespace", install):
            made = kubernetes.core.v1.Namespace(
                f"{self._name}-namespace", metadata={"name": self._namespace}, opts=self._child
            )
            place = made.metadata.name
            self.ready.append(made)
        if not install:
            if args.get("approver_policy") is not None:
                pulumi.log.warn(
                    f"{self._where}: cert-manager is there already; its `disableAutoApproval` must be true, or it "
                    "approves every request before approver-policy has looked at it",
                    self,
                )
            return
        chart: ChartArgs = args.get("chart") or {}
        values = cert_manager.cert_manager_values(
            cluster_resource_namespace=args.get("cluster_resource_namespace"),
            skip_crds=args.get("skip_crds", False),
            keep_crds=args.get("keep_crds", True),
            replicas=args.get("replicas"),
            monitoring=args.get("monitoring") or {},
            approver_policy=args.get("approver_policy") is not None,
            hooks=chart.get("wait_for_pods", True),
            user_values=args.get("values") or {},
            what=f"{self._where}: values",
        )
        self._release(CERT_MANAGER.name, CERT_MANAGER, place, values, chart)

    def _approver_policy(self, part: ApproverPolicyArgs | None) -> None:
        if part is None or not self._installs(part):
            return
        chart: ChartArgs = part.get("chart") or {}
        values = approver_policy.approver_policy_values(
            skip_crds=part.get("skip_crds", False),
            keep_crds=self._args.get("keep_crds", True),
            replicas=part.get("replicas"),
            monitoring=self._args.get("monitoring") or {},
            user_values=part.get("values") or {},
            what=f"{self._where}: approver_policy.values",
        )
        self._release("approver-policy", APPROVER_POLICY, self._namespace, values, chart)
        self._await_webhook("approver-policy", approver_policy.WEBHOOK, chart)

    def _trust_manager(self, part: TrustManagerArgs) -> None:
        if not self._installs(part):
            return
        chart: ChartArgs = part.get("chart") or {}
        values = trust_manager.trust_manager_values(
            trust_namespace=self._sources,
            target_namespaces=part.get("target_namespaces"),
            cert_manager=(self._namespace, self._account),
            skip_crds=part.get("skip_crds", False),
            keep_crds=self._args.get("keep_crds", True),
            replicas=part.get("replicas"),
            monitoring=self._args.get("monitoring") or {},
            approver_policy=self._args.get("approver_policy") is not None,
            user_values=part.get("values") or {},
            what=f"{self._where}: trust_manager.values",
        )
        self._release("trust-manager", TRUST_MANAGER, part.get("namespace") or self._namespace, values, chart)
        self._await_webhook("trust-manager", trust_manager.WEBHOOK, chart)

    def _release(
        self, part: str, pinned: Any, namespace: pulumi.Input[str], values: Mapping[str, Any], chart: ChartArgs
    ) -> None:
        """A part, after those before it."""
        release = helm_release(
            f"{self._name}-{part}",
            pinned=pinned,
            release_name=pinned.name,
            namespace=namespace,
            values=values,
            chart=chart,
            opts=self._after(),
        )
        self._releases[part] = release.status.apply(lambda status: status.name or pinned.name)
        self.ready.append(release)

    def _await_webhook(self, part: str, webhook: str, chart: ChartArgs) -> None:
        """Wait until the API server can verify the webhook: a patch that changes nothing but says what to wait for."""
        if not chart.get("wait_for_pods", True):
            return
        limit = f"{chart.get('timeout_seconds', DEFAULT_TIMEOUT)}s"
        options = pulumi.ResourceOptions.merge(
            self._after(), pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit))
        )
        gate = kubernetes.admissionregistration.v1.ValidatingWebhookConfigurationPatch(
            f"{self._name}-{part}-webhook",
            metadata={
                "name": webhook,
                "annotations": {"pulumi.com/waitFor": "jsonpath={.webhooks[*].clientConfig.caBundle}"},
            },
            opts=options,
        )
        self.ready.append(gate)

    def _after(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=list(self.ready)))

    def _export(self) -> None:
        self.namespace = pulumi.Output.from_input(self._namespace)
        self.cluster_resource_namespace = pulumi.Output.from_input(self._sources)
        self.service_account = pulumi.Output.from_input(self._account)
        self.release_names = together(self._releases)
        self.register_outputs(
            {
                "namespace": self.namespace,
                "cluster_resource_namespace": self.cluster_resource_namespace,
                "service_account": self.service_account,
                "release_names": self.release_names,
            }
        )


class Reloader(pulumi.ComponentResource):
    """Stakater Reloader, in the namespaces given and no others.

    It acts on workloads that name a Secret in `secret.reloader.stakater.com/reload`, and only when its data changes.

    Source: stakater/Reloader, README.md and deployments/kubernetes/chart/reloader.

    Raises:
        InputError: arguments that can't work, by name.
    """

    release_name: pulumi.Output[str]
    """Name of the Helm release, known once it is installed."""

    def __init__(self, name: str, args: ReloaderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install it."""
        super().__init__("kong-mtls:index:Reloader", name, {}, opts)
        where = f'Reloader "{name}"'
        check_inputs(ReloaderArgs, args, where)
        found = reloader_problems(args)
        if found:
            raise InputError.of(found, f"{where}: the arguments can't be used:")
        child = child_options(self, opts)
        namespace, release = args.get("namespace") or RELOADER_NAME, args.get("release_name") or RELOADER_NAME
        place: pulumi.Input[str] = namespace
        if args.get("create_namespace", True):
            made = kubernetes.core.v1.Namespace(f"{name}-namespace", metadata={"name": namespace}, opts=child)
            place = made.metadata.name
        monitoring = args.get("monitoring") or {}
        values = reloader_values(
            namespaces=args["namespaces"],
            strategy=args.get("strategy") or STRATEGIES[0],
            replicas=args.get("replicas"),
            monitor=monitoring.get("service_monitor", False),
            monitor_labels=monitoring.get("labels"),
            user_values=args.get("values") or {},
            what=f"{where}: values",
        )
        self.release = helm_release(
            name,
            pinned=RELOADER,
            release_name=release,
            namespace=place,
            values=values,
            chart=args.get("chart") or {},
            opts=child,
        )
        self.release_name = self.release.status.apply(lambda status: status.name or release)
        self.register_outputs({"release_name": self.release_name})


def problems(args: CertManagerArgs) -> list[str]:
    """What can't work about an installation, each by the argument's name."""
    found: list[str] = []
    install = args.get("install", True)
    for key in ("namespace", "cluster_resource_namespace", "service_account"):
        _label(found, args.get(key), key)
    if install and args.get("service_account"):
        found.append(f"service_account: of an install made here it is {cert_manager.SERVICE_ACCOUNT!r}; leave it out")
    if not install:
        unused = [key for key in ("replicas", "skip_crds", "chart", "values") if args.get(key)]
        found += [f"{key}: cert-manager is there already (install false); leave it out" for key in unused]
    found += monitoring_problems(args.get("monitoring") or {})
    found += _pods(args, "")
    trust, approver = args.get("trust_manager") or {}, args.get("approver_policy") or {}
    _label(found, trust.get("namespace"), "trust_manager.namespace")
    for namespace in trust.get("target_namespaces") or ():
        if namespace != trust_manager.EVERYWHERE:
            _label(found, namespace, "trust_manager.target_namespaces")
    found += _pods(trust, "trust_manager.") + _pods(approver, "approver_policy.")
    reloader = args.get("reloader")
    return found + [f"reloader.{problem}" for problem in reloader_problems(reloader)] if reloader is not None else found


def reloader_problems(args: ReloaderArgs) -> list[str]:
    """What can't work about Reloader, each by the argument's name."""
    found: list[str] = []
    namespaces: Sequence[pulumi.Input[str]] = args["namespaces"]
    if not namespaces:
        found.append("namespaces: none is given; needed: those of the workloads that read what is renewed")
    for namespace in namespaces:
        _label(found, namespace, "namespaces")
    _label(found, args.get("namespace"), "namespace")
    _label(found, args.get("release_name"), "release_name", _LONGEST_RELEASE)
    try:
        choice(args.get("strategy") or STRATEGIES[0], STRATEGIES, "strategy")
    except InputError as error:
        found.append(str(error))
    return found + _pods(args, "")


def _pods(part: Any, prefix: str) -> list[str]:
    replicas = part.get("replicas")
    few = [] if replicas is None or replicas >= 1 else [f"{prefix}replicas: {replicas}; allowed: 1 or more"]
    chart: Any = part.get("chart") or {}
    return few + chart_problems(chart, f"{prefix}chart")


def _label(found: list[str], value: Any, what: str, limit: int = 63) -> None:
    if value is None or is_output(value):
        return
    try:
        names.check_label(value, what, limit)
    except InputError as error:
        found.append(str(error))
