"""Whether the home's machines can hold what it runs. Plain data in, plain data out; knows no Pulumi and no cluster.

    from home import fit

    found = fit.weigh(here, fit.demands_of(objects))     # Deployments, StatefulSets, DaemonSets … as plain dicts
    found.verdict                                        # "always"
    found.node("k3s-master").slices.free                 # 1
    print(fit.text(found))

The verdict says what becomes of the home whichever node the scheduler prefers and in whatever order pods arrive:

- `always`: every pod finds a place, in every order.
- `depends on order`: there is a place for every pod, but some orders leave one without.
- `never`: no order places all of them; `require` refuses such a home.
- `undecided`: the search would have taken too long. Never said of a home that is known to be one of the others.

What is weighed: CPU, memory, pods and GPU slices against what a node can allocate, node selectors, required node
affinity (and with it the architecture), taints, and nodes that are out of service. A card's memory, which Kubernetes
does not count, is shown from the apps' own budgets. What is not weighed: preemption, volumes that tie a pod to the disk
where it first ran, host ports, disk space, and the second pod of a rolling update. A pod with required pod affinity or
a strict spread makes the verdict `undecided`, unless it is `never` without that already.
"""

from __future__ import annotations

from home.fit.demands import K3S, Demand, demands_of
from home.fit.placing import STEPS
from home.fit.showing import as_data, brief, text
from home.fit.weighing import (
    PODS_PER_NODE,
    RESERVED_MEMORY_BYTES,
    Amount,
    Fit,
    NodeFit,
    Unplaced,
    Verdict,
    allocatable_memory,
    require,
    weigh,
)

__all__ = [
    "K3S",
    "PODS_PER_NODE",
    "RESERVED_MEMORY_BYTES",
    "STEPS",
    "Amount",
    "Demand",
    "Fit",
    "NodeFit",
    "Unplaced",
    "Verdict",
    "allocatable_memory",
    "as_data",
    "brief",
    "demands_of",
    "require",
    "text",
    "weigh",
]
