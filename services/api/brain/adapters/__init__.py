"""What is asked of each service, and what its answers mean. One module a service; each imports only what is beside it.

adapter.py   what an adapter is
faults.py    what it means that a question went wrong
service.py   what all of them do alike
"""

from brain.adapters.adapter import Adapter, Call, Role
from brain.adapters.immich import Immich
from brain.adapters.jellyfin import Jellyfin
from brain.adapters.kubernetes import Kubernetes
from brain.adapters.prometheus import Prometheus

__all__ = ["Adapter", "Call", "Immich", "Jellyfin", "Kubernetes", "Prometheus", "Role"]
