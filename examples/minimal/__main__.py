"""Kong in hybrid mode: a control plane, one data plane, a small Postgres, and mutual TLS between them."""

import pulumi

from kong_mtls import KongHybrid

kong = KongHybrid("kong", {"edition": "oss", "database": {"development": {}}})

pulumi.export("proxies", kong.proxies)
pulumi.export("clusterCertificateEnds", kong.cluster_not_after)
