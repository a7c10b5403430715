"""Where a person's certificate comes from and goes to: the CA out of a file or a state, a file for its owner alone.

The CA's key is never in the cluster: it is taken from a PEM file, or from the stack's own state as
``pulumi stack export --show-secrets`` gives it on a pipe, so that it is never written anywhere.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .pki.personal import Ca

_COMPONENT = "kong-mtls:index:ClientCa"
_ROOT, _INTERMEDIATE = "tls:index/selfSignedCert:SelfSignedCert", "tls:index/locallySignedCert:LocallySignedCert"
_KEY = "tls:index/privateKey:PrivateKey"
# How the engine writes a secret in an exported state (pulumi/pulumi, sdk/go/common/resource/sig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_CERTIFICATE_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_KEY_BLOCK = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----\n?", re.DOTALL)


def read_ca(text: str, key: str | None, authority: str | None, generation: str | None) -> Ca:
    """The CA in a text: PEM, or an exported state.

    Args:
        text: what ``--ca`` names.
        key: what ``--ca-key`` names.
        authority: the ClientCa, by the name of its component.
        generation: its generation.

    Raises:
        InputError: no CA, no key, or several to choose from. Nothing of a key is in the message.
    """
    if text.lstrip().startswith("{"):
        return from_state(text, authority, generation)
    found = [match.group(0) for match in _CERTIFICATE_BLOCK.finditer(text)]
    if not found:
        raise InputError("--ca: holds neither a PEM certificate nor an exported state")
    keys = _KEY_BLOCK.search(key if key is not None else text)
    if keys is None:
        raise InputError("--ca: holds no private key; give it with --ca-key")
    return Ca(found[0], keys.group(0), "".join(found) if len(found) > 1 else "")


def from_state(text: str, authority: str | None, generation: str | None) -> Ca:
    """The CA of a ``ClientCa`` in a state as ``pulumi stack export --show-secrets`` gives it.

    Raises:
        InputError: none there, several to choose from, or secrets that are not shown.
    """
    try:
        resources = json.loads(text)["deployment"]["resources"]
    except (ValueError, KeyError, TypeError):
        raise InputError("--ca: is no exported state; needed: `pulumi stack export --show-secrets`") from None
    by_type: dict[str, dict[str, Mapping[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["type"], {})[resource["urn"].rpartition("::")[2]] = resource.get("outputs") or {}
    known = {name: outputs for name, outputs in by_type.get(_COMPONENT, {}).items() if outputs.get("issuing")}
    if not known:
        raise InputError("--ca: the stack has no ClientCa with a CA of its own")
    if authority is None and len(known) > 1:
        raise InputError(f"--authority: the stack has several, {', '.join(sorted(known))}; which one is to issue?")
    chosen = authority or next(iter(known))
    if chosen not in known:
        raise InputError(f"--authority: {chosen!r} is not in the stack; allowed: {', '.join(sorted(known))}")
    wanted = generation or str(known[chosen]["issuing"])
    stem = f"{chosen}-ca-{wanted}"
    if stem not in by_type.get(_ROOT, {}):
        raise InputError(f"--generation: {wanted!r} is not in the stack; allowed: {_listed(known[chosen])}")
    intermediate = by_type.get(_INTERMEDIATE, {}).get(f"{stem}-intermediate")
    if intermediate is None:
        return Ca(_plain(by_type[_ROOT][stem]["certPem"]), _plain(by_type[_KEY][f"{stem}-key"]["privateKeyPem"]))
    pem = _plain(intermediate["certPem"])
    return Ca(pem, _plain(by_type[_KEY][f"{stem}-intermediate-key"]["privateKeyPem"]), pem)


def _listed(outputs: Mapping[str, Any]) -> str:
    return ", ".join(map(str, outputs.get("generations") or ()))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping) and _SIGNATURE in value:
        if "plaintext" not in value:
            raise InputError("--ca: the state's secrets are not shown; needed: `pulumi stack export --show-secrets`")
        return str(json.loads(value["plaintext"]))
    return str(value)


def write_private(target: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, from its first moment on; an old one is replaced as a whole.

    Raises:
        InputError: where it can't be written.
    """
    try:
        handle, fresh = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(fresh).replace(target)
        except OSError:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"--out: {str(target)!r}: {error.strerror}") from None
