"""The home as data: its machines, storage, networks and apps, typed and checked. Knows nothing of Pulumi.

    import home

    here = home.load_file("Pulumi.homelab.yaml")
    here.node("k3s-master").gpu.slices        # 4
    here.apps.jellyfin.doors                  # ("public", "tailnet"); None where the home has no Jellyfin

`load_file` reads a stack's config file, `load` the values that Pulumi hands to a program; both raise HomeError, which
carries every mistake of a config at once. `home.doors` derives who may come in where, `home.secrets` names the secrets
that a home needs, `home.versions` reads the list of images, and `python -m home` does the checking from a shell.
"""

from __future__ import annotations

from home import doors, secrets, versions
from home.apps import App, Apps, Door, GpuShare, Immich, Jellyfin, MachineLearning, Transcode
from home.loading import KEYS, PREFIX, dump, load, load_file
from home.model import Home
from home.nas import Nas, Share
from home.networks import Network
from home.nodes import Gpu, Node, Sharing, Taint
from home.people import ROLES, Person, Role
from home.problems import HomeError, Problem

__all__ = [
    "KEYS",
    "PREFIX",
    "ROLES",
    "App",
    "Apps",
    "Door",
    "Gpu",
    "GpuShare",
    "Home",
    "HomeError",
    "Immich",
    "Jellyfin",
    "MachineLearning",
    "Nas",
    "Network",
    "Node",
    "Person",
    "Problem",
    "Role",
    "Share",
    "Sharing",
    "Taint",
    "Transcode",
    "doors",
    "dump",
    "load",
    "load_file",
    "secrets",
    "versions",
]
