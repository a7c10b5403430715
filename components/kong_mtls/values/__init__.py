"""Helm values for the Kong chart, built by pure functions from typed arguments."""
