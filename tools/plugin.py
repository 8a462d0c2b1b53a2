"""Asks a Pulumi provider plugin which version it is.

A provider has no `--version`. It says its version only over gRPC, so this speaks the few frames of HTTP/2 that one call
without arguments takes: the standard library has no gRPC, and what makes the virtual environment can't lean on one.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0, 1, 4, 7
_END_STREAM, _END_HEADERS = 1, 4
_CALL = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/pulumirpc.ResourceProvider/GetPluginInfo"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


def plugin_version(plugin: Path, seconds: float = 20.0) -> str | None:
    """Starts the plugin, asks it, ends it. None when it does not answer as a provider within `seconds`."""
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(
            [plugin],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    assert process.stdout is not None
    try:
        # Without an engine's address a provider serves whoever attaches, and prints its port first.
        if not select.select([process.stdout], [], [], seconds)[0]:
            return None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), max(0.1, deadline - time.monotonic())) as connection:
            return _plugin_info(connection)
    except (OSError, ValueError):
        return None
    finally:
        # macOS answers EPERM, not ESRCH, for a group of which only the unreaped leader is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise ConnectionError("closed early")
        received += piece
    return received


def _plugin_info(connection: socket.socket) -> str | None:
    # Header fields as plain literals: zero byte, then name and value with their lengths.
    fields = b"".join(b"\0" + b"".join(bytes((len(part),)) + part.encode() for part in pair) for pair in _CALL)
    connection.sendall(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, 1, fields)
        + _frame(_DATA, _END_STREAM, 1, bytes(5))
    )
    message = b""
    while True:
        head = _exactly(connection, 9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = _exactly(connection, int.from_bytes(head[:3], "big"))
        if kind == _DATA:
            message += payload
        if kind == _GOAWAY or (stream == 1 and kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            break
    # Five bytes of gRPC (compressed?, length), then PluginInfo, whose first field is the version.
    info = message[5:]
    return info[2 : 2 + info[1]].decode() if info[:1] == b"\x0a" else None
