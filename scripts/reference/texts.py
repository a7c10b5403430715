"""Descriptions of settings that are no argument of a component, or that have another default than its argument.

A description in the model (`Field(description=...)`, or a string under the field) comes first, then these, then the
argument's docstring. A test says which setting has none, and which of these is used by no setting.
"""

from typing import Final

SETTINGS: Final[dict[str, str]] = {
    "certManager.reloader.install": "Install it, or false where it is there already; default true.",
    "certManager.reloader.namespaces": "Namespaces of the workloads, and of the Secrets they read; default those of "
    "control plane, data planes and sample. They must be there. It reads Secrets in these and in its own namespace "
    "only.",
    "cluster.remoteDataPlanes[].stack": "Instead of `certificateRequestPem`: the stack that puts it out, as "
    "`organization/project/stack`.",
    "serverCertificates.authority.commonName": "Common name; default `kong gateway server`. The generation's name is "
    "added, so that generations are told apart.",
    "clientMtls.enforcement": "`plugin` (default): Kong's mtls-auth plugin judges, route by route; Enterprise. "
    "`listener` (default with edition `oss`): every data plane does, for everything that it serves, in any edition.",
    "clientMtls.namespace": "Where CAs and consumers are made, and where routes are that name no namespace of their "
    "own; default `kong-clients`.",
    "clientMtls.createNamespace": "Default true; false when it is there already.",
    "clientMtls.ca": "Whom client certificates must come from; at least one of its fields.",
    "clientMtls.ca.generate.commonName": "Common name; default `kong callers`. The generation's name is added, so that "
    "generations are told apart.",
    "clientMtls.ca.given[].file": "Instead of `certificatePem`: a file with it, relative to the folder of Pulumi.yaml.",
    "clientMtls.plugin.consumerBy": "Which fields of a consumer are compared with the certificate's names, of "
    "`custom_id` and `username`; default both. Empty: only credentials count.",
    "clientMtls.pluginName": "Name of the KongPlugins; default `callers`.",
    "clientMtls.routes[].namespace": "Its namespace; default that of `clientMtls`.",
    "upstreamMtls.trust.file": "Instead of `bundlePem`: a file with it, relative to the folder of Pulumi.yaml.",
    "upstreamMtls.dataPlaneDefaults": "How data planes speak TLS to Services that have no settings of their own; "
    "default: they show nothing and check nothing.",
    "sample.host": "Host name that clients use; needed.",
    "sample.tls": "Speak TLS to the gateway, and demand its certificate; default false: plain HTTP from whoever asks.",
}

OUTPUTS: Final[dict[str, str]] = {
    "dataPlanes": "Where clients reach each data plane inside the cluster, by its name: `host` and `httpsPort`.",
    "certificates": "`cluster`: `notBefore` and `notAfter` of the cluster certificate, RFC 3339; empty for an existing "
    "Secret.",
    "clusterAuthority": "pki: `generations` and `issuing` of the cluster's CA as applied; else empty. The next `up` "
    "judges the step of a rotation by it.",
    "authorities": "Likewise of the other CAs, by link: `server`, `callers`, `admin`, `database`.",
    "upstreamAuthorities": "Likewise of the CAs of the link to upstreams, `gateway` and `servers`.",
    "serverTrustPem": "The CA certificates by which clients verify the gateway.",
}
