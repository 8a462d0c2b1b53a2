"""Run the controllers of one twin until the process is ended."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

from twin import access
from twin.api import Api
from twin.controllers import csi, gpu, kubelet, volumes
from twin.controllers.cache import Cache
from twin.controllers.events import Recorder
from twin.state import State

_KINDS = (
    "Node",
    "Pod",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "RuntimeClass",
    "CSIDriver",
    "CSINode",
)

# Changes come in bursts; one look a burst is enough.
_BURST_SECONDS = 0.02
_RETRY_SECONDS = 1.0

_log = logging.getLogger("twin.controllers")


def main() -> None:
    """Look at everything whenever something has changed, and act."""
    parser = argparse.ArgumentParser(prog="python -m twin.controllers")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--code", help="a digest of these modules, for others to see which version runs")
    state = State(parser.parse_args().state)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    api = Api(access.kubeconfig_of(state, access.CONTROLLERS))
    cache = Cache(api, _KINDS)
    recorder = Recorder(api)
    controllers: dict[str, Callable[[], None]] = {
        "csi": lambda: csi.reconcile(api, cache),
        "kubelet": lambda: kubelet.reconcile(api, cache, recorder),
        "gpu": lambda: gpu.reconcile(api, cache),
        "volumes": lambda: volumes.reconcile(api, cache, recorder),
    }
    cache.start()
    _log.info("started")
    while True:
        cache.changed.wait()
        time.sleep(_BURST_SECONDS)
        cache.changed.clear()
        if cache.complete() and not _run(controllers):
            time.sleep(_RETRY_SECONDS)
            cache.changed.set()


def _run(controllers: dict[str, Callable[[], None]]) -> bool:
    """One round; whether every controller got through. One that fails leaves the others their turn, and tries again."""
    succeeded = True
    for name, reconcile in controllers.items():
        try:
            reconcile()
        except Exception as error:
            succeeded = False
            _log.warning("%s: %s", name, error, exc_info=not isinstance(error, OSError))
    return succeeded


if __name__ == "__main__":
    main()
