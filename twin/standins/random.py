"""The stand-in for the `random` package: values made up locally, as the real provider does.

Every input replaces its resource when it changes, like in the real provider. Two deviations: `bcryptHash` of a password
says that the stand-in has none, and where the real provider gives every resource the same id (`none` or `-`) this one
gives each its own, so that one can be told from another after a crash.
"""

from __future__ import annotations

import base64
import string
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

from twin.standins.kinds import Kind, Made, Refusals, Service, View
from twin.standins.values import Properties

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_CHARACTERS = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "numeric": string.digits}
_ADVERBS = ("barely", "boldly", "briefly", "gladly", "kindly", "mostly", "neatly", "oddly", "partly", "vastly")
_ADJECTIVES = ("able", "apt", "brave", "calm", "deep", "eager", "fond", "grand", "keen", "mild", "neat", "wise")
_ANIMALS = ("ant", "bat", "bee", "carp", "crow", "dove", "fox", "gnat", "hare", "ibex", "lark", "mole", "newt", "owl")


def _id(source: Random) -> str:
    return f"stand-in-{source.getrandbits(64):016x}"


def _text(inputs: Properties, source: Random) -> str:
    """Text of the length and the character classes asked for."""
    classes = {**_CHARACTERS, "special": inputs.get("overrideSpecial") or _SPECIAL}
    drawn = [
        source.choice(characters)
        for name, characters in classes.items()
        for _ in range(inputs[f"min{name.capitalize()}"])
    ]
    allowed = "".join(characters for name, characters in classes.items() if _enabled(inputs, name))
    drawn += [source.choice(allowed) for _ in range(inputs["length"] - len(drawn))]
    source.shuffle(drawn)
    return "".join(drawn)


def _enabled(inputs: Properties, name: str) -> bool:
    # `number` is the old name of `numeric`; the real provider takes either.
    return bool(inputs[name] and (name != "numeric" or inputs["number"]))


def _text_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    minimum = sum(inputs[f"min{name.capitalize()}"] for name in (*_CHARACTERS, "special"))
    if inputs["length"] < max(1, minimum):
        yield "length", f"a length of {inputs['length']} is less than 1 or than the minimums together, {minimum}"
    if not any(_enabled(inputs, name) for name in (*_CHARACTERS, "special")):
        yield "special", "one of upper, lower, numeric and special must be true"


def _password(inputs: Properties, source: Random) -> Made:
    result = _text(inputs, source)
    return Made(_id(source), {"result": result, "bcryptHash": "the stand-in for random makes no bcrypt hash"})


def _string(inputs: Properties, source: Random) -> Made:
    result = _text(inputs, source)
    return Made(result, {"result": result})


def _bytes(inputs: Properties, source: Random) -> Made:
    data = source.randbytes(inputs["length"])
    return Made(_id(source), {"base64": base64.b64encode(data).decode(), "hex": data.hex()})


def _random_id(inputs: Properties, source: Random) -> Made:
    data = source.randbytes(inputs["byteLength"])
    prefix = inputs.get("prefix", "")
    url = base64.urlsafe_b64encode(data).decode().rstrip("=")
    forms = {
        "b64Url": url,
        "b64Std": base64.b64encode(data).decode(),
        "hex": data.hex(),
        "dec": str(int.from_bytes(data)),
    }
    return Made(url, {name: prefix + form for name, form in forms.items()})


def _integer(inputs: Properties, source: Random) -> Made:
    result = _seeded(inputs, source).randint(inputs["min"], inputs["max"])
    return Made(str(result), {"result": result})


def _pet(inputs: Properties, source: Random) -> Made:
    words = [source.choice(_ADVERBS) for _ in range(inputs["length"] - 2)]
    words += [source.choice(_ADJECTIVES)] if inputs["length"] > 1 else []
    words += [source.choice(_ANIMALS)]
    prefix = [inputs["prefix"]] if inputs.get("prefix") else []
    return Made(inputs["separator"].join([*prefix, *words]), {})


def _shuffle(inputs: Properties, source: Random) -> Made:
    wanted = inputs.get("resultCount", len(inputs["inputs"]))
    shuffled: list[Any] = []
    seeded = _seeded(inputs, source)
    while inputs["inputs"] and len(shuffled) < wanted:
        shuffled += seeded.sample(inputs["inputs"], len(inputs["inputs"]))
    return Made(_id(source), {"results": shuffled[:wanted]})


def _uuid(inputs: Properties, source: Random) -> Made:
    result = str(uuid.UUID(bytes=source.randbytes(16), version=4))
    return Made(result, {"result": result})


def _seeded(inputs: Properties, source: Random) -> Random:
    return Random(inputs["seed"]) if inputs.get("seed") else source


def _at_least_one(name: str) -> Refusals:
    def refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
        if inputs[name] < 1:
            yield name, f"{name} must be at least 1, not {inputs[name]}"

    return refusals


def _range_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if inputs["min"] > inputs["max"]:
        yield "min", f"the minimum {inputs['min']} is greater than the maximum {inputs['max']}"


# The defaults are those that the SDK's documentation of each input gives.
_TEXT_DEFAULTS = {
    **dict.fromkeys(("lower", "number", "numeric", "special", "upper"), True),
    **dict.fromkeys(("minLower", "minNumeric", "minSpecial", "minUpper"), 0),
}

_KINDS = (
    Kind("random:index/randomBytes:RandomBytes", _bytes, {}, _at_least_one("length")),
    Kind("random:index/randomId:RandomId", _random_id, {}, _at_least_one("byteLength")),
    Kind("random:index/randomInteger:RandomInteger", _integer, {}, _range_refusals),
    Kind("random:index/randomPassword:RandomPassword", _password, _TEXT_DEFAULTS, _text_refusals),
    Kind("random:index/randomPet:RandomPet", _pet, {"length": 2, "separator": "-"}, _at_least_one("length")),
    Kind("random:index/randomShuffle:RandomShuffle", _shuffle, {}),
    Kind("random:index/randomString:RandomString", _string, _TEXT_DEFAULTS, _text_refusals),
    Kind("random:index/randomUuid:RandomUuid", _uuid, {}),
)

SERVICE = Service("random", _KINDS)
