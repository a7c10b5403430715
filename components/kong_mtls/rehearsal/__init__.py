"""Runs a Pulumi program without engine, CLI or cluster, and writes down what it would deploy.

It is a stage for programs like this one, not a second engine: one stand-in per resource type, a clear error for
any other, and nothing that applies to a cluster.
"""
