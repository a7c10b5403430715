"""Proofs of the links: both ends set up from files alone, as Kong would, and brought together by a handshake."""
