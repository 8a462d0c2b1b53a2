"""Who should reach what of a home, as its description says. Plain data in, plain data out; knows no Pulumi and no
cluster.

    from home import exposure

    found = exposure.expected(here, exposure.planned("Pulumi.homelab.yaml"))
    found["photos/immich-server"]["internet"].ways      # (photos.kanokgan.com → tunnel → immich-server:2283,)

Where people come in follows from the doors, roles and `signIn` of the apps. Which pods may talk to which is nothing
that a home says: the program plans it, and tells what it plans as plain data (`planned`). The shape of the map is that
of the package `exposure`. What the twin reads back from the things that were really made is compared with it, by code
that doesn't know this one.
"""

from __future__ import annotations

from home.exposure.deriving import expected
from home.exposure.planning import Outward, Planned, ToPort, name_of, planned, planned_of

__all__ = ["Outward", "Planned", "ToPort", "expected", "name_of", "planned", "planned_of"]
