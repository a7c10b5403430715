"""Certificates, trust and rotation, free of any gateway's names."""
