"""Whether CAs for client certificates can be used: by Kong, by its controller, and beside each other."""

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

import pulumi
from typing_extensions import NotRequired

from . import names
from .errors import InputError
from .pki import checks, clock
from .pki.ids import ca_id
from .pki.x509 import Facts, certificates, signed_by


class GivenCaArgs(TypedDict):
    """CA certificates of your own."""

    name: str
    """Yours; it goes into names."""
    certificate_pem: pulumi.Input[str]
    """One CA certificate in PEM, or several, each of which becomes an object of its own. Several must be known when
    the program runs: a text or a file's content, no output."""
    id: NotRequired[str]
    """The id in Kong, a UUID; default one made from the certificate, the same everywhere. Only with one certificate."""


class ExistingCaArgs(TypedDict):
    """A CA Secret that exists in the cluster. It is never read."""

    name: str
    """Its name."""
    id: str
    """The value of its key `id`, by which plugins refer to it."""


def facts(pem: str, what: str) -> list[Facts]:
    """The certificates of a text, each of which can be a CA for Kong.

    Raises:
        InputError: what can't, with all reasons.
    """
    found = certificates(pem, what)
    problems = [f"{one.subject!r} {problem}" for one in found for problem in ca_problems(one)]
    if problems:
        raise InputError.of(problems, f"{what}: can't be trusted for client certificates:")
    return found


def ca_problems(certificate: Facts) -> list[str]:
    """Why the controller, Kong or OpenSSL wouldn't take it for a CA
    (Kong/kubernetes-ingress-controller internal/dataplane/translator/translate_cacerts.go)."""
    problems = [*checks.authority(certificate), *checks.dates(certificate, clock.now())]
    # Nobody verifies a root's own signature, but a root of that age has other weaknesses, and issues with SHA-1.
    weak = certificate.hash_name in checks.WEAK_HASHES
    problems += [f"is signed with {certificate.hash_name}, which peers refuse"] if weak else []
    return [*problems, *(problem for problem in checks.strength(certificate) if not weak or "signed" not in problem)]


def split(given: GivenCaArgs, where: str) -> dict[str, str]:
    """Certificates of a plain text, each under a key made from its content: their order means nothing, and another
    certificate is another object, made before the old one goes.

    Raises:
        InputError: what can't be a CA, one that is there twice, or one id for several.
    """
    what = f"{where}: given {given['name']!r}"
    found = facts(str(given["certificate_pem"]), what)
    if given.get("id") and len(found) > 1:
        raise InputError(f"{what}: id {given['id']!r} for {len(found)} certificates; give each its own name and id")
    result: dict[str, str] = {}
    for one in found:
        key = f"{given['name']}-{one.fingerprint[:8]}"
        if key in result:
            raise InputError(f"{what}: {one.subject!r} is in it twice; Kong takes a certificate once")
        result[key] = one.pem
    return result


def check_together(pems: Mapping[str, str], where: str) -> None:
    """Refuse the same certificate under two names: Kong holds it once.

    Raises:
        InputError: naming both.
    """
    seen: dict[str, str] = {}
    for name, pem in sorted(pems.items()):
        for one in certificates(pem, f"{where}: {name}"):
            other = seen.setdefault(one.fingerprint, name)
            if other != name:
                raise InputError(f"{where}: {other} and {name} are the same certificate; Kong takes it once")


def name_problems(
    given: Sequence[GivenCaArgs], existing: Sequence[ExistingCaArgs], generations: Sequence[str]
) -> list[str]:
    """Names that can't be, or are there twice, and ids that are none."""
    found = []
    for kind, entries in (("given", given), ("existing", existing)):
        for entry in entries:
            try:
                names.check_label(entry["name"], f"{kind}: name", 32 if kind == "given" else 253)
            except InputError as error:
                found.append(str(error))
    everyone = [*generations, *(entry["name"] for entry in given)]
    found += [f"given: the name {name!r} is taken" for name in sorted({n for n in everyone if everyone.count(n) > 1})]
    known = [entry["name"] for entry in existing]
    found += [f"existing: {name!r} is listed twice" for name in sorted({n for n in known if known.count(n) > 1})]
    ids = [str(entry["id"]) for entries in (given, existing) for entry in entries if entry.get("id")]
    found += [f"id {value!r} is no UUID; Kong takes no other" for value in ids if not is_uuid(value)]
    found += [f"id {value!r} is given twice" for value in sorted({i.lower() for i in ids if _count(ids, i) > 1})]
    return found


def _count(ids: Sequence[str], wanted: str) -> int:
    return sum(one.lower() == wanted.lower() for one in ids)


def is_uuid(text: str) -> bool:
    """Whether Kong takes a text for an id (Kong/kong, kong/tools/uuid.lua): 36 characters."""
    try:
        UUID(text)
    except ValueError:
        return False
    return len(text) == 36


def without_root(pems: Mapping[str, str]) -> list[str]:
    """Subjects of intermediate CAs whose root is not among the CAs: OpenSSL trusts them as roots only if told to."""
    everyone = [one for name, pem in pems.items() for one in certificates(pem, name)]
    return [
        one.subject
        for one in everyone
        if not one.self_signed and not any(signed_by(one, other) for other in everyone if other is not one)
    ]


def id_of(pem: str, where: str) -> str:
    """The id of the one certificate in a text."""
    found = facts(pem, where)
    if len(found) != 1:
        raise InputError(
            f"{where}: holds {len(found)} certificates, and how many is known too late to make an object of each; give "
            "each a name of its own, or the text itself instead of an output"
        )
    return ca_id(found[0])
