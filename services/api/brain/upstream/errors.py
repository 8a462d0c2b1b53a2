"""What can go wrong in a call to another service, each with a sentence for people.

A sentence names the service and figures, and nothing that came with the call or its answer: no address, no header, no
body, no exception's own text, for any of them could hold a key.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpx


class Kind(StrEnum):
    """What went wrong.

    refused: no connection. reset: the connection broke before an answer. timeout: no whole answer within the deadline.
    unauthorized, forbidden, missing, throttled: HTTP 401, 403, 404 and 410, 429. failed: any other answer but a good
    one. not_json, truncated, too_large, wrong_shape: an answer that isn't one. certificate: TLS came to nothing.
    broken_off: not asked at all, after what went before.
    """

    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    THROTTLED = "throttled"
    FAILED = "failed"
    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    WRONG_SHAPE = "wrong_shape"
    CERTIFICATE = "certificate"
    BROKEN_OFF = "broken_off"


class UpstreamError(Exception):
    """A call that came to nothing.

    kind: what went wrong. words: a sentence for people. wait: seconds that the service asks to be left alone, or None.
    lasting: the question is at fault rather than the service, so that asking again is of no use.
    """

    def __init__(self, kind: Kind | str, words: str, wait: float | None = None, *, lasting: bool = False) -> None:
        super().__init__(words)
        self.kind = Kind(kind)
        self.words = words
        self.wait = wait
        self.lasting = lasting


# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_CERTIFICATES = {
    9: "isn't valid yet: its clock or this one is wrong",
    10: "has expired, or this machine's clock is ahead",
    18: "vouches for itself, and isn't trusted here",
    19: "is of an authority that isn't trusted here",
    20: "is of an authority that isn't trusted here",
    21: "is of an authority that isn't trusted here",
    62: "is for another name",
    64: "is for another address",
}
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


def of_status(name: str, status: int, wait: float | None) -> UpstreamError:
    """What an HTTP status other than 2xx means."""
    match status:
        case 401:
            return UpstreamError(Kind.UNAUTHORIZED, f"{name} doesn't know the key it was asked with (HTTP 401).")
        case 403:
            return UpstreamError(
                Kind.FORBIDDEN, f"{name} doesn't allow the key it was asked with to see this (HTTP 403)."
            )
        case 404 | 410:
            return UpstreamError(Kind.MISSING, f"{name} has nothing where this was asked (HTTP {status}).")
        case 429:
            until = "" if wait is None else f" for {wait:.0f} s"
            return UpstreamError(Kind.THROTTLED, f"{name} asks to be left alone{until} (HTTP 429).", wait)
        case _ if 300 <= status < 400:
            words = f"{name} sends elsewhere in place of an answer (HTTP {status}), perhaps to a login."
            return UpstreamError(Kind.FAILED, words, lasting=True)
        case _ if status < 500:
            return UpstreamError(Kind.FAILED, f"{name} doesn't take what it was asked (HTTP {status}).", lasting=True)
    return UpstreamError(Kind.FAILED, f"{name} failed to answer (HTTP {status}).", wait)


def of_exception(name: str, error: httpx.HTTPError | OSError, *, answering: bool) -> UpstreamError:
    """What an exception of the transport means; `answering` says that the answer's head had come by then."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                fault = _CERTIFICATES.get(cause.verify_code, f"can't be trusted (OpenSSL says {cause.verify_code})")
                return UpstreamError(Kind.CERTIFICATE, f"{name}'s certificate {fault}.")
            case ssl.SSLError() if not answering:
                return UpstreamError(Kind.CERTIFICATE, f"{name} and this service can't agree on TLS.")
            case socket.gaierror():
                return UpstreamError(Kind.REFUSED, f"{name}'s name leads nowhere.")
            case ConnectionRefusedError():
                return UpstreamError(Kind.REFUSED, f"{name} refuses connections: nothing listens there.")
            case OSError() if cause.errno in _NO_WAY:
                return UpstreamError(Kind.REFUSED, f"There is no way to {name} on the network.")
    if isinstance(error, httpx.TimeoutException):
        return UpstreamError(Kind.TIMEOUT, f"{name} didn't answer in time.")
    if answering:
        return UpstreamError(Kind.TRUNCATED, f"{name} broke off in the middle of its answer.")
    if isinstance(error, httpx.ConnectError):
        return UpstreamError(Kind.REFUSED, f"{name} can't be connected to.")
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return UpstreamError(Kind.NOT_JSON, f"{name} answers in something other than HTTP.")
    return UpstreamError(Kind.RESET, f"{name} broke the connection off before it answered.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and all that led to it; each of a group's."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
