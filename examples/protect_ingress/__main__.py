"""Who may call an Ingress that exists: only those with a certificate of this stack's CA.

Kong, its ingress controller and the Ingress are somebody else's. This stack owns the CA, the plugin, the consumers and
three annotations of the Ingress, and takes no more than those away when it is destroyed.
"""

import pulumi

from kong_mtls import ClientMtls

config = pulumi.Config()
ingress = config.require_object("ingress")
callers = config.require_object("callers")

protection = ClientMtls(
    "callers",
    {
        "namespace": "kong-clients",
        "ca": {
            "create_namespace": True,
            "generate": {"common_name": "shop callers"},
            "certificates": [{"name": name} for name in callers],
        },
        "routes": [{"name": ingress["name"], "namespace": ingress["namespace"], "snis": [ingress["host"]]}],
        "consumers": [{"name": name} for name in callers],
    },
)

pulumi.export("callersTrustPem", protection.trust_pem)
