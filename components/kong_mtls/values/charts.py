"""The Helm charts that are installed, each at the version whose value keys are listed next to this module."""

from dataclasses import dataclass

from .. import names

JETSTACK = "https://charts.jetstack.io"


@dataclass(frozen=True)
class PinnedChart:
    """A chart at the version that is known here.

    Attributes:
        name: its name in the repository.
        version: as the repository spells it.
        repository: URL of the repository.
    """

    name: str
    version: str
    repository: str

    @property
    def key_list(self) -> str:
        """The file with its value keys."""
        return f"{self.name}-{self.version}.txt"


KONG = PinnedChart(names.CHART, names.CHART_VERSION, names.CHART_REPOSITORY)
# Supported with Kubernetes 1.33 to 1.36 (cert-manager/website, content/docs/releases/README.md). Versions keep the `v`.
CERT_MANAGER = PinnedChart("cert-manager", "v1.21.1", JETSTACK)
TRUST_MANAGER = PinnedChart("trust-manager", "v0.24.0", JETSTACK)
APPROVER_POLICY = PinnedChart("cert-manager-approver-policy", "v0.27.0", JETSTACK)
RELOADER = PinnedChart("reloader", "2.2.16", "https://stakater.github.io/stakater-charts")
