"""A hybrid deployment whose keys are made by cert-manager, in the cluster; the stack's state holds none of them."""

import pulumi

from kong_mtls import CertManager, KongHybrid, Reloader

# One per cluster: where another stack has installed it, this one only uses it.
there = pulumi.Config().require_bool("installed")
waits = [] if there else [CertManager("cert-manager", {"approver_policy": {"install": True}})]

kong = KongHybrid(
    "kong",
    {
        "edition": "oss",
        "database": {"development": {}},
        "cluster": {"mtls": "pki"},
        "cert_manager": {"renewal": "reloader", "approver_policy": True},
    },
    pulumi.ResourceOptions(depends_on=waits),
)
if not there:
    # Rolls the pods that read a renewed certificate. It gets a Role in these namespaces, which are made above.
    Reloader("reloader", {"namespaces": ["kong", "kong-dp"]}, pulumi.ResourceOptions(depends_on=[kong]))

pulumi.export("proxies", kong.proxies)
pulumi.export("clusterTrustPem", kong.cluster_trust_pem)
