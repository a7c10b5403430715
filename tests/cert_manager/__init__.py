"""Issuer cert-manager, on the repository's own program."""
