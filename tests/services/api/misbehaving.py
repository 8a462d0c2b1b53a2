"""A server on loopback that does to a connection whatever a test wants, well-behaved or not.

It speaks bytes, not HTTP: what a library would refuse to send is what has to be tried.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reply = Callable[["Connection"], Awaitable[None]]
PIECE = b" " * 65536


@dataclass
class Connection:
    """One connection, after the head of its request was read."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: bytes
    server: Server

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.server.sent += len(data)


@dataclass
class Server:
    """What happened to it. requests: their heads. sent: bytes."""

    reply: Reply
    port: int = 0
    tls: bool = False
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server that does `reply` to every request; `server.reply` may be exchanged while it runs."""
    server = Server(reply, tls=tls is not None)
    under_way: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        under_way.add(task)
        server.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    server.requests.append(head)
                    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                    if length:
                        await reader.readexactly(int(length[0].split(b":")[1]))
                    await server.reply(Connection(reader, writer, head, server))
                    if writer.is_closing():
                        break
        except asyncio.CancelledError:
            pass
        finally:
            server.open -= 1
            under_way.discard(task)
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(under_way):
            task.cancel()
        if under_way:
            await asyncio.wait(tuple(under_way))


def unused_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def answer(
    content: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Reply:
    """A proper answer: `content` as JSON, or these bytes."""
    data = json.dumps(content).encode() if body is None else body
    given = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}

    async def reply(connection: Connection) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in given.items())]
        await connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    return reply


def html(status: int = 200) -> Reply:
    """A web page, as logins and proxies send."""
    return answer(body=b"<!doctype html><title>Log in</title>", status=status, headers={"Content-Type": "text/html"})


def truncated_json() -> Reply:
    """A whole answer with half of its JSON."""
    return answer(body=b'{"name": "a", "cou')


async def cut_off(connection: Connection) -> None:
    """The head of an answer and less of a body than it promised."""
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"name":')
    connection.writer.close()


async def reset(connection: Connection) -> None:
    """A TCP reset in place of an answer."""
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


async def closed(connection: Connection) -> None:
    """The end of the connection in place of an answer."""
    connection.writer.close()


async def hang(connection: Connection) -> None:
    """Nothing at all, until the other side goes."""
    await connection.reader.read()


def slow_drip(every: float = 0.005) -> Reply:
    """An answer that never stops coming, a byte at a time, so many seconds apart."""

    async def reply(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")
        gone = asyncio.create_task(connection.reader.read())
        try:
            while not gone.done():
                await connection.send(b" ")
                await asyncio.wait({gone}, timeout=every)
        finally:
            gone.cancel()

    return reply


def giant(size: int = 100 * 1024 * 1024, *, says_so: bool) -> Reply:
    """A body of so many bytes; of which its head tells the length, or nothing."""

    async def reply(connection: Connection) -> None:
        length = f"Content-Length: {size}\r\n" if says_so else ""
        await connection.send(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        for _ in range(size // len(PIECE)):
            await connection.send(PIECE)
        connection.writer.close()

    return reply


async def not_http(connection: Connection) -> None:
    """Another protocol."""
    await connection.send(b"SSH-2.0-OpenSSH_10.0\r\n\r\n")
    connection.writer.close()


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 that vouches for itself. ca_file: by which it is trusted, but for its dates."""

    context: ssl.SSLContext
    ca_file: str


def certificate(folder: Path, *, begins: datetime.timedelta, ends: datetime.timedelta) -> Certificate:
    """One that is valid between two moments, told from now; for another address than that of the server, if wished."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "misbehaving")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return Certificate(context, str(certificate_file))
