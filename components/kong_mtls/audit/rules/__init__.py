"""The rules, one module per link (large ones in two); importing a module registers what it holds."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "authorities",
    "plugins",
    "plugin_use",
    "license",
    "routes",
    "listener",
    "consumers",
    "servers",
    "upstream",
    "upstream_effects",
    "upstream_global",
    "cluster",
    "cluster_certificates",
    "admin",
    "admin_tls",
    "database",
    "files",
    "trust",
    "doors",
    "issuance",
    "issuers",
    "approvals",
    "bundles",
    "made",
    "renewal",
    "controllers",
    "chart",
    "hygiene",
    "existing",
)


def load() -> None:
    """Import every module of rules, in the order of the documentation."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
