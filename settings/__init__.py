"""Stack configuration, read once into the arguments of the components.

All problems are reported together, each naming its key, the value and what is allowed, before any resource is
made. Keys are those of Pulumi.yaml; inside them a field is the component's argument in camelCase, except that
lifetimes are given in days.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import TypeAdapter, ValidationError

from kong_mtls import InputError, KongHybridArgs
from kong_mtls.cluster_certificate import check_given
from kong_mtls.cluster_existing import end_problems, trust_problems
from kong_mtls.hybrid_checks import problems, server_names
from kong_mtls.license import check_license, read_license
from kong_mtls.pki.cert_manager.separation import issuers_problems, separation_problems
from kong_mtls.pki.issue import CLIENT, SERVER

from . import cert_manager, client, common, hybrid, model
from .cert_manager import CertManagerSettings, cert_manager_settings
from .client import with_clients
from .references import connect, connect_clients, connect_upstream
from .upstream import SECTIONS as UPSTREAM_SECTIONS
from .upstream import UpstreamSettings, in_section, upstream_settings, with_upstreams

__all__ = [
    "Settings",
    "camel",
    "connect",
    "connect_clients",
    "connect_upstream",
    "load",
    "with_clients",
    "with_upstreams",
]

PROJECT = "kong-mtls"
HOURS = 24

_HYBRID: dict[str, Any] = {
    "edition": hybrid.Edition,
    "image": hybrid.Image,
    "chart": common.Chart,
    "license": hybrid.License,
    "cluster": hybrid.Cluster,
    "controlPlane": hybrid.ControlPlane,
    "dataPlanes": list[hybrid.DataPlane],
    "database": hybrid.Database,
    "admin": hybrid.Admin,
    "networkPolicies": hybrid.NetworkPolicies,
}
_SECTIONS: dict[str, Any] = {**_HYBRID, **client.SECTIONS, **UPSTREAM_SECTIONS, **cert_manager.SECTIONS}
_SPELLINGS = {name: spelling for shape in _SECTIONS.values() for name, spelling in model.spellings(shape).items()}
_SPELLINGS |= {re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", key): key for key in _SECTIONS}
_SNAKE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_REHEARSAL = "rehearsal"
_TEXTS = ("edition", "issuer", _REHEARSAL)
_PLACEHOLDER = json.dumps({"license": {"payload": {"customer": "placeholder: no licence is set"}, "version": "1"}})


@dataclass(frozen=True)
class Settings:
    """What the program needs.

    Attributes:
        hybrid: arguments of the deployment.
        clients: what the link to clients needs.
        upstream: what the link to upstreams needs.
        cert_manager: what is needed of cert-manager.
        warnings: what to tell the user on every run.
    """

    hybrid: KongHybridArgs
    clients: client.ClientSettings
    upstream: UpstreamSettings
    cert_manager: CertManagerSettings
    warnings: list[str] = field(default_factory=list)


def load() -> Settings:
    """Read the stack's configuration.

    Raises:
        InputError: everything that is wrong with it, in one message.
    """
    given, found = _read()
    parsed = {key: _parse(key, value, found) for key, value in given.items() if key in _SECTIONS}
    if found:
        raise _error(found)
    warnings: list[str] = []
    rehearsing = given.get(_REHEARSAL) == "true"
    plain = {key: _plain(value) for key, value in parsed.items()}
    _license(plain, rehearsing, found, warnings)
    _own_certificate(plain, found)
    _remote_data_planes(plain, found)
    arguments = cast(
        "KongHybridArgs",
        {_snake(key): value for key, value in plain.items() if key in _HYBRID} | {"fixed_secret_names": True},
    )
    judged: list[str] = []
    issuer = cert_manager_settings(plain, _workloads(plain), judged)
    if issuer.issuance is not None:
        arguments["cert_manager"] = issuer.issuance
    clients = client.client_settings(plain, arguments, judged, warnings)
    upstream = upstream_settings(plain, arguments, judged)
    deployment = with_upstreams(client.judged_with_clients(arguments, clients), upstream)
    judged += [in_section(problem) for problem in problems(deployment)]
    judged += _separation(plain)
    # That the licence is missing is said once, with both ways out.
    said = "license:" if any(problem.startswith(f"{PROJECT}:license:") for problem in found) else "(nothing)"
    found += [_in_config(problem) for problem in judged if not problem.startswith(said)]
    if found:
        raise _error(found)
    wrapped = cast("KongHybridArgs", _wrapped(_with_secret_values(arguments)))
    return Settings(wrapped, clients, replace(upstream, mtls=_wrapped(upstream.mtls)), issuer, warnings)


def _workloads(plain: Mapping[str, Any]) -> list[str]:
    """Namespaces of workloads that read certificates when they start."""
    planes = plain.get("dataPlanes") or [{}]
    places = [(plain.get("controlPlane") or {}).get("namespace") or "kong"]
    places += [plane.get("namespace") or "kong-dp" for plane in planes]
    sample = plain.get("sample") or {}
    places += [sample.get("namespace") or "echo"] if sample.get("tls") else []
    return list(dict.fromkeys(places))


def _separation(plain: Mapping[str, Any]) -> list[str]:
    """Issuers of the user's own, over all links; those of the deployment alone are judged with it."""
    upstream = plain.get("upstreamMtls") or {}
    issue = (upstream.get("client_certificate") or {}).get("issue")
    own = {
        "cluster": plain.get("cluster"),
        "admin": plain.get("admin"),
        "database.development": (plain.get("database") or {}).get("development"),
    }
    others = {
        "server_certificates": plain.get("serverCertificates"),
        "upstream_mtls.client_certificate.issue": issue,
        "upstream_mtls.server_certificates": upstream.get("server_certificates"),
    }
    callers = ((plain.get("clientMtls") or {}).get("ca") or {}).get("generate") or {}
    authorities = {where: (given or {}).get("authority") or {} for where, given in {**own, **others}.items()}
    authorities["client_mtls.ca.generate"] = callers
    known = set(separation_problems({where: authorities[where] for where in own}))
    found = [problem for problem in separation_problems(authorities) if problem not in known]
    for where in (*others, "client_mtls.ca.generate"):
        found += issuers_problems(authorities[where].get("issuers") or {}, f"{where}.authority")
    return found


def _error(found: list[str]) -> InputError:
    return InputError.of(found, f"The configuration of stack {pulumi.get_stack()!r} can't be used:")


def _read() -> tuple[dict[str, Any], list[str]]:
    """Values by key, without the project's name; JSON where the schema says object or array."""
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    values: dict[str, Any] = {}
    found: list[str] = []
    for full_key, text in everything.items():
        project, _, key = full_key.partition(":")
        if project != PROJECT:
            continue
        if key not in _SECTIONS and key not in _TEXTS:
            found.append(f"{full_key}: unknown key; allowed: {', '.join(_SECTIONS)}")
        elif key in _TEXTS:
            values[key] = text
        else:
            try:
                values[key] = json.loads(text) if isinstance(text, str) else text
            except ValueError:
                found.append(f"{full_key}: is no structured value; set its fields with `pulumi config set --path`")
    values.setdefault("database", {})
    return values, found


def _parse(key: str, value: Any, found: list[str]) -> Any:
    try:
        return TypeAdapter(_SECTIONS[key]).validate_python(value)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            found.append(_described(key, problem))
        return None


def _described(key: str, problem: Any) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    name = f"{PROJECT}:{key}{path}"
    match problem["type"]:
        case "extra_forbidden":
            return f"{name}: unknown field; allowed: {', '.join(model.fields_at(_SECTIONS[key], problem['loc'][:-1]))}"
        case "missing":
            return f"{name}: missing"
        case "model_type":
            return f"{name}: a mapping is needed, not {type(problem['input']).__name__}"
    # A value that may be secret is never shown: neither where secrets belong, nor in a key that holds one.
    secret = model.is_secret(_SECTIONS[key], problem["loc"]) or runtime_config.is_config_secret(f"{PROJECT}:{key}")
    shown = "" if secret or isinstance(problem["input"], dict | list) else f"{problem['input']!r}: "
    return f"{name}: {shown}{problem['msg'][0].lower()}{problem['msg'][1:]}"


def _plain(value: Any) -> Any:
    """Models as dictionaries in snake_case without what wasn't given; lifetimes in hours."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.arguments() if isinstance(value, model.Model) else value


def _license(plain: dict[str, Any], rehearsing: bool, found: list[str], warnings: list[str]) -> None:
    given = plain.get("license") or {}
    if plain.get("edition", "enterprise") != "enterprise":
        return
    try:
        if given.get("data"):
            check_license(given["data"].get_secret_value(), f"{PROJECT}:license.data")
        elif given.get("file"):
            read_license(given["file"], f"{PROJECT}:license.file")
    except InputError as error:
        found.append(str(error))
    if given:
        return
    if not rehearsing:
        found.append(
            f"{PROJECT}:license: edition 'enterprise' needs the licence: without it Enterprise plugins are skipped and "
            "requests pass. Either set it, `pulumi config set --secret --path license.data < license.json` (or "
            "license.file, or license.existingSecret), or use the open-source gateway, `pulumi config set edition oss`"
        )
        return
    plain["license"] = {"data": model.Secret(_PLACEHOLDER)}
    warnings.append(
        "no Enterprise licence is set: a placeholder stands in. Enterprise plugins such as mtls-auth hold only once a "
        "real one is set; without it a data plane skips them and requests pass"
    )


def _own_certificate(plain: dict[str, Any], found: list[str]) -> None:
    """Certificates of the user's own, while their keys are still at hand."""
    cluster = plain.get("cluster") or {}
    existing = cluster.get("existing") or {}
    ends = {"controlPlane": (existing.get("control_plane"), SERVER, _server_names(plain))}
    ends |= {f"dataPlanes.{name}": (end, CLIENT, []) for name, end in (existing.get("data_planes") or {}).items()}
    trust = existing.get("trust_pem")
    of_trust = trust_problems(trust) if trust else []
    found += [_in_config(f"cluster.existing.{problem}") for problem in of_trust]
    for where, (end, usage, names) in ends.items():
        if end and end.get("certificate_pem") and end.get("private_key_pem"):
            key = end["private_key_pem"].get_secret_value()
            wrong = end_problems(end["certificate_pem"], key, None if of_trust else trust, usage, names)
            found += [_in_config(f"cluster.existing.{where}: {problem}") for problem in wrong]
    if cluster.get("certificate_pem") and cluster.get("private_key_pem"):
        try:
            check_given(cluster["certificate_pem"], cluster["private_key_pem"].get_secret_value(), "cluster")
        except InputError as error:
            found.append(_in_config(str(error)))


def _remote_data_planes(plain: dict[str, Any], found: list[str]) -> None:
    """Data planes of other stacks: where their signing requests come from."""
    for plane in (plain.get("cluster") or {}).get("remote_data_planes") or []:
        if bool(plane.get("stack")) == bool(plane.get("certificate_request_pem")):
            found.append(
                f"{PROJECT}:cluster.remoteDataPlanes: {plane['name']!r} needs exactly one of stack and "
                "certificateRequestPem"
            )


def _server_names(plain: dict[str, Any]) -> list[str]:
    arguments = cast("KongHybridArgs", {"control_plane": plain.get("controlPlane") or {}})
    return [*server_names(arguments), *((plain.get("cluster") or {}).get("server_names") or [])]


def _with_secret_values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Helm values from a key that holds a secret count as secret, every text of them.

    Which of them the stack's file has encrypted the engine doesn't tell: it hands over whole keys.
    """

    def mark(plane: Any) -> Any:
        return {**plane, "values": _secret_texts(plane["values"])} if plane.get("values") else plane

    marked = dict(arguments)
    for key, argument in (("controlPlane", "control_plane"), ("dataPlanes", "data_planes")):
        if argument in marked and runtime_config.is_config_secret(f"{PROJECT}:{key}"):
            given = marked[argument]
            marked[argument] = [mark(plane) for plane in given] if isinstance(given, list) else mark(given)
    return marked


def _secret_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _secret_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_secret_texts(item) for item in value]
    return model.Secret(value) if isinstance(value, str) else value


def _wrapped(value: Any) -> Any:
    """Secret values as secret outputs."""
    if isinstance(value, dict):
        return {key: _wrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return pulumi.Output.secret(value.get_secret_value()) if isinstance(value, model.Secret) else value


def _snake(key: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", key)


def _in_config(problem: str) -> str:
    """A component's message with its arguments written as the configuration writes them."""
    days = re.sub(r"(\d+) hours", lambda found: _days(int(found[1])), problem)
    return f"{PROJECT}:{_SNAKE.sub(lambda found: _SPELLINGS.get(found[0], found[0]), days)}"


def _days(hours: int) -> str:
    return f"{hours // HOURS} days" if hours % HOURS == 0 else f"{hours} hours"


def camel(value: Any) -> Any:
    """A component's output as the stack puts it out: keys in camelCase."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda found: found[1].upper(), key): camel(item) for key, item in value.items()}
    return value
