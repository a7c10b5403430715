"""Stand-ins for pulumi-random: values made once and then remembered.

Sources: hashicorp/terraform-provider-random, ``internal/provider/``; pulumi-random 4.21. Every input replaces the
resource when it changes, `keepers` above all; that is what they are for.
"""

from __future__ import annotations

import base64
import math
import secrets
import string
import uuid
from typing import Any

from kong_mtls.rehearsal.standins.model import Call, Made, ResourceError, StandIn

DEFAULT_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The special characters of a password unless `overrideSpecial` says otherwise (``internal/random/string.go``)."""

_RANDOM = secrets.SystemRandom()


def _characters(call: Call) -> str:
    """A string of `length` from the wanted classes, each with its minimum, in random order."""
    length = int(call.value("length", 0))
    classes = (
        ("special", "minSpecial", call.value("overrideSpecial", DEFAULT_SPECIAL)),
        ("upper", "minUpper", string.ascii_uppercase),
        ("lower", "minLower", string.ascii_lowercase),
        ("numeric", "minNumeric", string.digits),
    )
    alphabet = ""
    chosen: list[str] = []
    for flag, minimum, letters in classes:
        wanted = call.value(flag, True) and (flag != "numeric" or call.value("number", True))
        alphabet += letters if wanted else ""
        chosen += [secrets.choice(letters) for _ in range(int(call.value(minimum, 0)))]
    if length < max(1, len(chosen)) or not alphabet:
        raise ResourceError(f"length {length} is too short, or no characters are allowed")
    chosen += [secrets.choice(alphabet) for _ in range(length - len(chosen))]
    _RANDOM.shuffle(chosen)
    return "".join(chosen)


def _defaults(call: Call) -> dict[str, Any]:
    flags = {"special": True, "upper": True, "lower": True, "numeric": True, "number": True}
    minimums = {"minSpecial": 0, "minUpper": 0, "minLower": 0, "minNumeric": 0}
    return {**flags, **minimums, **call.inputs}


def _password(call: Call) -> Made:
    # The provider also gives a bcrypt hash. Nothing here computes bcrypt, and an invented hash would be a lie that
    # only shows at log-in, so the output is left out: its readers get None.
    return Made("none", {**_defaults(call), "result": _characters(call)})


def _string(call: Call) -> Made:
    result = _characters(call)
    return Made(result, {**_defaults(call), "result": result})


def _id(call: Call) -> Made:
    raw = secrets.token_bytes(int(call.value("byteLength", 0)) or 1)
    prefix = call.value("prefix", "")
    url = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    texts = {
        "b64Std": base64.b64encode(raw).decode(),
        "b64Url": url,
        "hex": raw.hex(),
        "dec": str(int.from_bytes(raw, "big")),
    }
    return Made(url, {**call.inputs, **{key: prefix + text for key, text in texts.items()}})


def _bytes(call: Call) -> Made:
    raw = secrets.token_bytes(int(call.value("length", 0)) or 1)
    text = base64.b64encode(raw).decode()
    return Made(text, {**call.inputs, "base64": text, "hex": raw.hex()})


def _uuid(call: Call) -> Made:
    result = str(uuid.uuid4())
    return Made(result, {**call.inputs, "result": result})


def _uuid7(call: Call) -> Made:
    """RFC 9562, section 5.7: milliseconds since 1970, then random bits."""
    bits = (math.floor(call.at.timestamp() * 1000) << 80) | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | (0x7 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    result = str(uuid.UUID(int=bits))
    return Made(result, {**call.inputs, "result": result})


def _integer(call: Call) -> Made:
    low, high = int(call.value("min", 0)), int(call.value("max", 0))
    if high < low:
        raise ResourceError(f"max {high} is less than min {low}")
    result = low + secrets.randbelow(high - low + 1)
    return Made(str(result), {**call.inputs, "result": result})


def _shuffle(call: Call) -> Made:
    items = list(call.value("inputs", []))
    _RANDOM.shuffle(items)
    count = int(call.value("resultCount", len(items)))
    return Made("-", {**call.inputs, "results": [items[i % len(items)] for i in range(count)] if items else []})


STAND_INS = {
    "random:index/randomPassword:RandomPassword": StandIn(
        create=_password, replace_on=("*",), secret_outputs=frozenset({"result", "bcryptHash"})
    ),
    "random:index/randomString:RandomString": StandIn(create=_string, replace_on=("*",)),
    "random:index/randomId:RandomId": StandIn(create=_id, replace_on=("*",)),
    "random:index/randomBytes:RandomBytes": StandIn(
        create=_bytes, replace_on=("*",), secret_outputs=frozenset({"base64", "hex"})
    ),
    "random:index/randomUuid:RandomUuid": StandIn(create=_uuid, replace_on=("*",)),
    "random:index/randomUuid4:RandomUuid4": StandIn(create=_uuid, replace_on=("*",)),
    "random:index/randomUuid7:RandomUuid7": StandIn(create=_uuid7, replace_on=("*",)),
    "random:index/randomInteger:RandomInteger": StandIn(create=_integer, replace_on=("*",)),
    "random:index/randomShuffle:RandomShuffle": StandIn(create=_shuffle, replace_on=("*",)),
}
