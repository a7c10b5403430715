"""Certificates made by cert-manager: keys are made in the cluster and never leave it."""
