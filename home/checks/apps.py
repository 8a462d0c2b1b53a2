"""Apps: on nodes that exist, with shares that are there and receivers for their alerts. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator

from home.checks.repeated import repeated
from home.model import Home
from home.problems import Problem
from home.wording import did_you_mean, listed


def nodes_exist(home: Home) -> Iterator[Problem]:
    """A pod that names a node that isn't there waits forever."""
    names = [node.name for node in home.nodes]
    because = ("nodes", *(f"nodes[{i}].name" for i in range(len(names))))
    for name, app in home.apps.by_name.items():
        if app.node is not None and app.node not in names:
            hint = did_you_mean(app.node, names, f"the home has {listed(names)}")
            yield Problem(f"apps.{name}.node", f'there is no node "{app.node}"{hint}', because)


def preferred_nodes_exist(home: Home) -> Iterator[Problem]:
    """A node that nobody knows is preferred by nobody."""
    api = home.apps.api
    if api is None or api.prefers is None:
        return
    names = [node.name for node in home.nodes]
    because = ("nodes", *(f"nodes[{i}].name" for i in range(len(names))))
    if api.prefers not in names:
        hint = did_you_mean(api.prefers, names, f"the home has {listed(names)}")
        yield Problem("apps.api.prefers", f'there is no node "{api.prefers}"{hint}', because)
    elif api.node is not None:
        yield Problem(
            "apps.api.prefers",
            f"the API is kept on {api.node} by `node`, so there is nothing to prefer; leave one of the two out",
            ("apps.api.node",),
        )


def programs_are_told_apart(home: Home) -> Iterator[Problem]:
    """A token is known by its program's name."""
    api = home.apps.api
    named = [(f"apps.api.programs[{i}]", name) for i, name in enumerate(api.programs if api else ())]
    for path, name, first in repeated(named):
        yield Problem(path, f'"{name}" is given twice; keep one of them', (first,))
    for path, name in named:
        if name == "prometheus":
            yield Problem(path, '"prometheus" has a token already, where the home is monitored; choose another name')


def nodes_are_in_service(home: Home) -> Iterator[Problem]:
    """Nothing starts on a node that doesn't answer, and a deployment would wait for it."""
    names = [node.name for node in home.nodes]
    # Without any server there is no cluster at all, which is a problem of its own.
    if all(node.role != "server" for node in home.nodes_in_service):
        return
    for name, app in home.apps.by_name.items():
        if app.node is None or names.count(app.node) != 1:
            continue
        i = names.index(app.node)
        if home.nodes[i].state == "ready":
            continue
        answering = [node.name for node in home.nodes_in_service if node.gpu or not app.gpu_shares]
        others = f"run it on {listed(answering, 'or')}, " if answering else ""
        anywhere = "" if app.gpu_shares else "leave `node` out so that any node in service may run it, "
        yield Problem(
            f"apps.{name}.node",
            f"{app.node} is out of service (nodes[{i}].state is {home.nodes[i].state}), so {name} can't start there; "
            f"{others}{anywhere}leave the app out for now, or set the state to ready once {app.node} answers",
            (
                *(f"nodes[{j}].{key}" for j in range(len(names)) for key in ("name", "state", "role", "gpu")),
                *(f"apps.{name}.{place}" for place in app.gpu_shares),
            ),
        )


def shares_exist(home: Home) -> Iterator[Problem]:
    """A pod waits forever for a volume that nobody makes."""
    names = [share.name for share in home.shares]
    because = ("nas", *(f"nas.shares[{i}].name" for i in range(len(names))), "nas.shares")
    for name, app in home.apps.by_name.items():
        for place, share in app.shares.items():
            if home.nas is None:
                message = f'the home has no NAS, so there is no share "{share}"; declare homebrain:nas, or leave it out'
            elif share not in names:
                hint = did_you_mean(share, names, f"the NAS has {listed(names) or 'none'}")
                message = f'there is no share "{share}"{hint}'
            else:
                continue
            yield Problem(f"apps.{name}.{place}", message, because)


def shares_are_used_once(home: Home) -> Iterator[Problem]:
    """One library twice shows everything in it twice."""
    for name, app in home.apps.by_name.items():
        used = ((f"apps.{name}.{place}", share) for place, share in app.shares.items())
        for path, share, first in repeated(used):
            yield Problem(path, f'"{share}" is given twice; keep one of them', (first,))


def transcoding_may_write(home: Home) -> Iterator[Problem]:
    """Transcoding replaces the files it reads."""
    transcode = home.apps.transcode
    named = [i for i, share in enumerate(home.shares) if transcode and share.name == transcode.share]
    # A name given twice is a problem of its own; until it is told apart, it says nothing about access.
    for i in named if len(named) == 1 else ():
        if (share := home.shares[i]).access == "read-only":
            yield Problem(
                "apps.transcode.share",
                f'"{share.name}" is read-only, but transcoding replaces the files there; set '
                f"nas.shares[{i}].access to read-write, or name another share",
                (f"nas.shares[{i}].access", f"nas.shares[{i}].name"),
            )


def alerts_have_a_receiver(home: Home) -> Iterator[Problem]:
    """An alert that nobody gets is none."""
    monitoring = home.apps.monitoring
    if monitoring and monitoring.alerts.receiver == "ntfy" and home.apps.ntfy is None:
        yield Problem(
            "apps.monitoring.alerts.receiver",
            "alerts go to ntfy, which this home doesn't have; declare apps.ntfy, or set the receiver to webhook",
            ("apps.ntfy",),
        )


CHECKS = (
    nodes_exist,
    preferred_nodes_exist,
    programs_are_told_apart,
    nodes_are_in_service,
    shares_exist,
    shares_are_used_once,
    transcoding_may_write,
    alerts_have_a_receiver,
)
