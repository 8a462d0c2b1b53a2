"""The single values of a home and what each may hold. Imports only how messages are worded.

Every refusal says what was found, what is allowed and, where it can be guessed, what was meant.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from home import quantities
from home.record import FrozenMapping
from home.wording import did_you_mean, listed, shown

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_NAME = rf"{_LABEL}(\.{_LABEL})+"
_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
_VERSION = r"v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+k3s[0-9]+)?"
_UNITS_OF_DAYS = {"d": 1, "w": 7, "y": 365}
_IMAGE = (
    r"[a-z0-9.-]+\.[a-z0-9-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
    r"(@sha256:[0-9a-f]{64})?"
)
_QUALIFIED = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


def _name(text: str) -> str:
    if re.fullmatch(_LABEL, text):
        return text
    raise ValueError(
        f"{shown(text)} can't name a thing on the network: use a to z, 0 to 9 and hyphens, "
        "starting and ending with a letter or digit, at most 63 characters"
    )


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("holds no text; write some, or leave the key out")
    return text


def _size(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    text = str(value)
    near = listed((size for size in quantities.suggestions(text) if size != text), "or")
    hint = f"; did you mean {near}?" if near else "; write a number with Ki, Mi, Gi, Ti, k, M, G or T, such as 4Gi"
    try:
        size = quantities.parse(text)
    except ValueError as error:
        raise ValueError(f"{error}{hint}") from None
    if text[-1] in "num":
        raise ValueError(f"{shown(value)} counts parts of a byte{hint}")
    if text[-1] in "0123456789." and "e" not in text.lower():
        raise ValueError(f"{shown(value)} has no unit, so it would be {text} bytes{hint}")
    if size < 1:
        raise ValueError(f"{shown(value)} is nothing; write how much there is, such as 4Gi")
    return text


def _whole(value: Any) -> Any:
    """Configs pass through JSON and `pulumi config set`, so a whole number may arrive as 12, 12.0 or "12"."""
    if isinstance(value, bool):
        raise ValueError(f"{shown(value)} is not a number; write a whole one such as 4")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value, re.A):
        return int(value)
    if isinstance(value, int):
        return value
    raise ValueError(f"{shown(value)} is not a whole number; write one such as 4")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        hint = f"without the /{text.partition('/')[2]}" if "/" in text else "such as 192.168.0.20"
        raise ValueError(f"{shown(text)} is not an IP address; write one {hint}") from None


def _cidr(text: str) -> str:
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a network; write one such as 192.168.0.0/24") from None
    network = interface.network
    if "/" not in text:
        raise ValueError(f"{shown(text)} says no prefix length; write one such as 192.168.0.0/24")
    if interface.ip != network.network_address:
        raise ValueError(f"{shown(text)} is an address inside a network; the network itself is {network}")
    return str(network)


def _dns_name(text: str) -> str:
    if re.fullmatch(_DNS_NAME, text):
        return text
    bare = re.sub(r"^(https?://)?(\*\.)?|/.*$", "", text.strip().lower()).strip(".")
    hint = f"; did you mean {bare}?" if re.fullmatch(_DNS_NAME, bare) else "; write one such as example.com"
    raise ValueError(f"{shown(text)} is not a DNS name{hint}")


def _days(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    found = re.fullmatch(r"([0-9]{1,5})([a-z]*)", str(value).strip(), re.A)
    number, unit = found.groups() if found else ("", "")
    if number and not int(number):
        raise ValueError(f"{shown(value)} keeps nothing; write how long things are kept, such as 30d")
    if unit in ("h", "m", "s"):
        whole = unit == "h" and int(number) % 24 == 0
        hint = f"did you mean {int(number) // 24}d?" if whole else "write some, such as 30d"
        raise ValueError(f"{shown(value)} isn't counted in days; {hint}")
    if unit not in _UNITS_OF_DAYS:
        hint = f"did you mean {number}d?" if number else "write a whole number of days, weeks or years, such as 30d"
        raise ValueError(f"{shown(value)} says no time that things can be kept; {hint}")
    return f"{int(number) * _UNITS_OF_DAYS[unit]}d"


def _date(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise ValueError(f"{shown(value)} is not a day; write one as year-month-day, such as 2030-01-31") from None


def _tailnet(text: str) -> str:
    name = _dns_name(text)
    if not name.endswith(".ts.net"):
        raise ValueError(
            f"{shown(text)} is not a tailnet's DNS name: those end in .ts.net, and Tailscale shows yours on "
            "its DNS page"
        )
    return name


def _email(text: str) -> str:
    if re.fullmatch(_EMAIL, text):
        # Neither Tailscale nor Cloudflare tells capitals apart.
        return text.lower()
    raise ValueError(
        f"{shown(text)} is not an email address; write the one with which the person signs in, such as ada@example.com"
    )


def _version(text: str) -> str:
    if re.fullmatch(_VERSION, text):
        return text
    raise ValueError(
        f"{shown(text)} is not a K3s version; write it as `kubectl get nodes` shows it, such as v1.33.6+k3s1"
    )


def _image(text: str) -> str:
    if not re.fullmatch(_IMAGE, text):
        raise ValueError(
            f"{shown(text)} is not an image's full name with its tag; write registry, path and version, such as "
            "ghcr.io/ada/homebrain-api:v1.2.0"
        )
    if re.search(r":latest(@|$)", text):
        raise ValueError(f"{shown(text)} is a different image every week; write the version that the home shall run")
    return text


def _label_key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if re.fullmatch(_QUALIFIED, name) and (not slash or re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", prefix)):
        return text
    raise ValueError(f"{shown(text)} is not a label key; write one such as gpu or example.com/gpu")


def _label_value(text: str) -> str:
    if not text or re.fullmatch(_QUALIFIED, text):
        return text
    raise ValueError(
        f"{shown(text)} is not a label value: letters, digits, hyphens, underscores and dots, at most 63, "
        "starting and ending with a letter or digit"
    )


def _kubeconfig(text: str) -> str:
    # A kubeconfig holds the cluster's admin credential, so what was given is not repeated in the message.
    if "\n" in text or "apiVersion" in text or text.lstrip().startswith("{"):
        raise ValueError(
            "holds the content of a kubeconfig, with its credential in clear; keep that in a file outside the "
            "repository and write the file's path here, such as ~/.kube/config"
        )
    return _text(text)


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _timezone(text: str) -> str:
    # A slim machine may carry no zone database at all; the name's form is all that can be judged there.
    if text in _known_zones() or (not _known_zones() and re.fullmatch(r"UTC|[A-Z]\w+(/[A-Z][\w+-]+)+", text)):
        return text
    hint = did_you_mean(
        text, sorted(zone for zone in _known_zones() if "/" in zone), "write it as Area/City, such as Europe/Berlin"
    )
    raise ValueError(f"{shown(text)} is not a time zone{hint}")


Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_LABEL}$"})]
Size = Annotated[
    str,
    BeforeValidator(_size),
    Field(json_schema_extra={"pattern": r"^[0-9.]+([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})$", "examples": ["4Gi"]}),
]
Days = Annotated[
    str,
    BeforeValidator(_days),
    Field(json_schema_extra={"pattern": "^0*[1-9][0-9]{0,4}[dwy]$", "examples": ["30d"]}),
]
"""How long things are kept: whole days, as `30d`, whatever unit it was written in."""
Day = Annotated[
    str,
    BeforeValidator(_date),
    Field(json_schema_extra={"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2030-01-31"]}),
]
"""A day, as `2030-01-31`."""
Count = Annotated[int, Field(ge=1, le=100_000), BeforeValidator(_whole)]
NoneOrMore = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_whole)]
OwnerId = Annotated[int, Field(ge=0, le=2**32 - 2), BeforeValidator(_whole)]
Address = Annotated[str, AfterValidator(_address), Field(examples=["192.168.0.20"])]
Cidr = Annotated[str, AfterValidator(_cidr), Field(examples=["192.168.0.0/24"])]
DnsName = Annotated[str, AfterValidator(_dns_name), Field(json_schema_extra={"pattern": f"^{_DNS_NAME}$"})]
TailnetName = Annotated[str, AfterValidator(_tailnet), Field(json_schema_extra={"pattern": r"^[a-z0-9.-]+\.ts\.net$"})]
Email = Annotated[
    str, AfterValidator(_email), Field(json_schema_extra={"pattern": f"^{_EMAIL}$"}, examples=["ada@example.com"])
]
Version = Annotated[str, AfterValidator(_version), Field(json_schema_extra={"pattern": f"^{_VERSION}$"})]
ImageReference = Annotated[
    str,
    AfterValidator(_image),
    Field(json_schema_extra={"pattern": f"^{_IMAGE}$"}, examples=["ghcr.io/ada/homebrain-api:v1.2.0"]),
]
LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Labels = Annotated[
    Mapping[LabelKey, LabelValue],
    AfterValidator(FrozenMapping),
    PlainSerializer(dict),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
Kubeconfig = Annotated[str, AfterValidator(_kubeconfig)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
