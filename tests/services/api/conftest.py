"""Asynchronous tests of the API run on asyncio, as it does: mark them `anyio`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.services.api.misbehaving import Certificate, certificate


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that was good until yesterday."""
    day = timedelta(days=1)
    return certificate(tmp_path_factory.mktemp("expired"), begins=-2 * day, ends=-day)


@pytest.fixture(scope="module")
def one_authority(expired: Certificate) -> Iterator[None]:
    """One authority to trust, that of the expired certificate, in place of the system's.

    Reading those takes longer than most tests, and each client does it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", expired.ca_file)
        yield
