"""A control plane in one cluster (stack ``home``) and a data plane in another (stack ``far``).

The data plane's key is made in its own stack and stays there. It asks with a signing request, the control plane's stack
signs, and only public text crosses between the two.
"""

import pulumi
import pulumi_kubernetes as kubernetes

from kong_mtls import KongHybrid, RemoteDataPlane, RemoteDataPlaneArgs

PLANE = "far"


def other(stack: str) -> pulumi.StackReference:
    """Another stack of this project."""
    return pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")


def control_plane(host: str) -> None:
    """The control plane, and a data plane beside it; it signs for the one far away."""
    far = other("far")
    kong = KongHybrid(
        "kong",
        {
            "edition": "oss",
            "database": {"development": {}},
            "cluster": {
                "mtls": "pki",
                "server_names": [host],
                "remote_data_planes": [
                    {"name": PLANE, "certificate_request_pem": far.require_output("certificateRequestPem")}
                ],
            },
            "control_plane": {"cluster_service": {"type": "LoadBalancer"}},
        },
    )
    pulumi.export("trustPem", kong.cluster_trust_pem)
    pulumi.export("certificatePems", kong.remote_certificate_pems)


def data_plane(host: str, joins: bool) -> None:
    """The data plane: first it only asks; once the control plane's stack has signed, it joins."""
    namespace = kubernetes.core.v1.Namespace("kong-far", metadata={"name": "kong-far"})
    args: RemoteDataPlaneArgs = {"plane": PLANE, "namespace": namespace.metadata.name, "edition": "oss"}
    if joins:
        home = other("home")
        args["membership"] = {
            "certificate_pem": home.require_output("certificatePems").apply(lambda signed: signed[PLANE]),
            "trust_pem": home.require_output("trustPem"),
            "control_plane": {"cluster_host": host},
        }
    plane = RemoteDataPlane("far", args)
    pulumi.export("certificateRequestPem", plane.certificate_request_pem)


config = pulumi.Config()
if config.require("role") == "control-plane":
    control_plane(config.require("controlPlaneHost"))
else:
    data_plane(config.require("controlPlaneHost"), config.get_bool("joins") or False)
