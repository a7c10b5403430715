"""Stand-ins for secure config values: what only the engine can decrypt, in a form that the program accepts.

A placeholder is made once per ciphertext and then remembered, so that an unchanged stack stays unchanged and a
new ciphertext rolls what a new value would roll. It opens nothing: the report names every place where one is
used, and what depends on it counts as not proved.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kong_mtls.rehearsal import mint

CERTIFICATE_WORDS = frozenset({"cert", "certificate", "crt", "certs", "certificates", "chain", "bundle"})
KEY_WORDS = frozenset({"key", "privatekey"})
NOISE_WORDS = frozenset({"private", "pem", "tls", "ssl"})
NAME = "kong_clustering"
"""The name in a placeholder certificate: the one that Kong's shared mode asks for (Kong Gateway docs, "Hybrid mode
setup": the certificate's common name is ``kong_clustering``)."""


class Placeholders:
    """Fills secure values of one stack's config and notes where.

    Attributes:
        used: The config paths that hold a placeholder now.
        remembered: Placeholders by ``<path>#<digest of the ciphertext>``: those of this run only.
        texts: The placeholders as the program sees them.
    """

    def __init__(self, at: datetime, known: Mapping[str, str]) -> None:  # noqa: D107 - said above
        self.used: set[str] = set()
        self.remembered: dict[str, str] = {}
        self.texts: set[str] = set()
        self._at = at
        self._known = known

    def fill(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` (full keys) with a placeholder for every ``{secure: ...}`` in it, at any depth."""
        filled = {}
        siblings = {key.partition(":")[2]: value for key, value in config.items()}
        for key, value in config.items():
            filled[key] = self._fill(key, key.partition(":")[2], value, siblings)
        return filled

    def _fill(self, path: str, name: str, value: Any, siblings: Mapping[str, Any]) -> Any:
        if isinstance(value, list):
            return [self._fill(f"{path}[{i}]", name, item, {}) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            # A public certificate next to a key that cannot be decrypted: the pair has to match, so both give way.
            partner = _partner(name, siblings) if _is_certificate(name) and isinstance(value, str) else None
            if partner and _ciphertext(siblings[partner]) is not None:
                return self._pem(path, name, siblings, certificate=True)
            return value
        if _ciphertext(value) is None:
            return {key: self._fill(f"{path}.{key}", key, item, value) for key, item in value.items()}
        if "licen" in path.partition(":")[2].lower():
            return self._keep(path, value, _license)
        if _is_certificate(name):
            return self._pem(path, name, siblings, certificate=True)
        if _is_key(name, siblings):
            return self._pem(path, name, siblings, certificate=False)
        return self._keep(path, value, lambda: "placeholder-" + secrets.token_urlsafe(18))

    def _pem(self, path: str, name: str, siblings: Mapping[str, Any], certificate: bool) -> str:
        """One half of the pair that certificate- and key-looking siblings share."""
        stem = _stem(name)
        parent = path[: -len(name)]
        halves = sorted(
            (key, _ciphertext(item) or "")
            for key, item in siblings.items()
            if _stem(key) == stem and (_is_certificate(key) or _is_key(key, siblings))
        )
        pair = self._keep(f"{parent}{{{' '.join(stem)}}}", halves, lambda: _pair(self._at, "ca" in stem), note=False)
        self.used.add(path)
        half: str = json.loads(pair)["certificate" if certificate else "key"]
        self.texts.add(half)
        return half

    def _keep(self, path: str, cipher: Any, make: Any, note: bool = True) -> str:
        digest = hashlib.sha256(json.dumps(cipher, sort_keys=True).encode()).hexdigest()[:16]
        entry = f"{path}#{digest}"
        value: str = self.remembered.get(entry) or self._known.get(entry) or make()
        self.remembered[entry] = value
        if note:
            self.used.add(path)
            self.texts.add(value)
        return value


def _ciphertext(value: Any) -> str | None:
    if isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str):
        return str(value["secure"])
    return None


def _words(name: str) -> tuple[str, ...]:
    """``clusterCaCert`` and ``cluster-ca.cert`` alike as ``cluster, ca, cert``."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return tuple(word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word)


def _stem(name: str) -> tuple[str, ...]:
    drop = CERTIFICATE_WORDS | KEY_WORDS | NOISE_WORDS
    return tuple(word for word in _words(name) if word not in drop)


def _is_certificate(name: str) -> bool:
    words = _words(name)
    return bool(CERTIFICATE_WORDS.intersection(words)) and not KEY_WORDS.intersection(words)


def _is_key(name: str, siblings: Mapping[str, Any]) -> bool:
    """Whether `name` looks like a private key in PEM, and not like an API key or an access key."""
    words = _words(name)
    if not KEY_WORDS.intersection(words):
        return False
    if NOISE_WORDS.intersection(words) or words[-1] == "privatekey" or words == ("key",):
        return True
    return any(_is_certificate(key) and _stem(key) == _stem(name) for key in siblings)


def _partner(name: str, siblings: Mapping[str, Any]) -> str | None:
    return next((key for key in siblings if _is_key(key, siblings) and _stem(key) == _stem(name)), None)


def _license() -> str:
    """JSON in the outline of a Kong licence. It is no licence: Kong would refuse its signature."""
    payload = {"customer": "rehearsal", "product_subscription": "placeholder", "license_key": "placeholder"}
    return json.dumps({"license": {"version": 1, "signature": "placeholder", "payload": payload}})


def _pair(at: datetime, ca: bool) -> str:
    """A self-signed P-384 pair for server and client, or of a CA; three years from the day of `at`."""
    begin = at.replace(hour=0, minute=0, second=0, microsecond=0)
    minted = mint.issue(
        "placeholder CA" if ca else NAME,
        not_before=begin,
        not_after=begin + timedelta(days=1095),
        key=mint.new_key("P-384"),
        ca=ca,
        client=not ca,
        server=not ca,
        dns_names=() if ca else (NAME,),
        digest="SHA-384",
    )
    return json.dumps({"certificate": minted.cert_pem.decode(), "key": minted.key_pem.decode()})
