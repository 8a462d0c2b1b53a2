"""Whether containers give their apps what these take, by the table `apps.yaml`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from references import addresses, contents, files
from references.objects import Objects, Pods, env, ports, quantity, repository, tag
from references.options import Option, options
from references.place import Place, Problem, choice
from references.pods import PROBES
from references.provided import Provided
from references.table import App, Mounted, Table, Value
from references.table import Probe as ProbeRow
from references.values import wrong


def check(objects: Objects, provided: Provided, table: Table) -> Iterator[Problem]:
    """Every container's ports, environment, mounts, probes, arguments and user are what its app takes."""
    for pods in objects.pods:
        for container in pods.containers():
            app = table.app(repository(container))
            if app is None:
                known = [one.image for one in table.apps.values()]
                yield container.get("image").unresolved("image in references/apps.yaml", known)
                continue
            yield from _ports(container, app)
            yield from _environment(container, pods, app, objects, table)
            yield from _mounts(container, pods, app, objects, provided)
            yield from _probes(container, pods, app)
            yield from _command(container, pods, app, objects)
            yield from _user(container, pods, app)
            yield from contents.check(container, pods, app, objects)


def _ports(container: Place, app: App) -> Iterator[Problem]:
    variables = env(container)
    known: dict[int, bool] = {}
    for number, row in app.ports.items():
        moved = variables.get(row.moved_by or "")
        value = moved.get("value").text if moved else ""
        known[int(value) if value.isdigit() else number] = row.required
    for port in container.get("ports").items():
        place = port.get("containerPort")
        if place.value not in known:
            yield place.unresolved("port of this app", map(str, known))
    declared = [number for _, _, number in ports(container)]
    for number, required in known.items():
        if required and number not in declared:
            yield container.get("ports").should(f"a list with {number}, which the app opens")


def _environment(container: Place, pods: Pods, app: App, objects: Objects, table: Table) -> Iterator[Problem]:
    variables = env(container)
    own = tuple(number for _, _, number in ports(container))
    for name, entry in variables.items():
        row = app.env.get(name)
        if row is None:
            yield entry.get("name").unresolved("variable of this app", app.env)
            continue
        field = entry.get("valueFrom", "fieldRef", "fieldPath")
        if row.pod_field is not None and field.text != row.pod_field:
            yield field.should(f"{row.pod_field}, which the app takes it for")
        value = entry.get("value")
        if value.absent:
            continue
        if said := wrong(row, value.text, tag(container), own):
            yield value.should(said)
        if row.file:
            # Some apps take either a value or, in the same variable, the file that it is in.
            found = files.at(value.text.removeprefix("file:"), container, pods, objects)
            if isinstance(found, str):
                yield value.problem(found)
        there = objects.names("Secret", pods.namespace)
        if row.secret and value.value not in there:
            yield value.unresolved(f"Secret in namespace {pods.namespace}", there)
        if row.agrees is not None:
            yield from _agreement(row, entry, container, pods, objects, table)
    for name, row in app.env.items():
        if row.required and name not in variables:
            yield container.get("env").should(f"a list with {name}, which the app needs")
    for needs in app.needs:
        if not any(one in variables for one in needs.any_of):
            yield container.get("env").should(f"a list with {' or '.join(needs.any_of)}, which the app needs")


def _agreement(
    row: Value, entry: Place, container: Place, pods: Pods, objects: Objects, table: Table
) -> Iterator[Problem]:
    """What two apps tell each other by is the same at both ends."""
    assert row.agrees is not None
    through = env(container).get(row.agrees.through)
    target = (
        addresses.target(through.get("value"), row.agrees.through, container, pods, objects, table) if through else None
    )
    if target is None:
        return
    there = target
    theirs = next((env(one)[row.agrees.env] for one in there.containers() if row.agrees.env in env(one)), None)
    if theirs is None:
        yield entry.get("name").should(f"what {there.name} says as {row.agrees.env}, and it says nothing")
        return
    here_value, their_value = entry.get("value"), theirs.get("value")
    if not row.file:
        if here_value.value != their_value.value:
            yield here_value.should(f'"{their_value.text}", which {there.name} has as {row.agrees.env}')
        return
    mine = files.at(here_value.text, container, pods, objects)
    holder = next((one for one in there.containers() if row.agrees.env in env(one)), None)
    if holder is None or not isinstance(mine, files.File):
        return
    its = files.at(their_value.text, holder, there, objects)
    if isinstance(its, files.File) and (its.holder.resource, its.key) != (mine.holder.resource, mine.key):
        yield here_value.should(
            f"the path of {its.key} of {its.holder.resource}, which {there.name} reads as {row.agrees.env}",
            f"the path of {mine.key} of {mine.holder.resource}",
        )


def _mounts(container: Place, pods: Pods, app: App, objects: Objects, provided: Provided) -> Iterator[Problem]:
    reads_only = container.get("securityContext", "readOnlyRootFilesystem").value is True
    mounts = list(container.get("volumeMounts").items())
    for mount in mounts:
        path = mount.get("mountPath")
        row = _row(path.text, app)
        volume = pods.volumes().get(mount.get("name").text)
        if volume is None:
            continue
        kind = _kind(volume)
        if row is None:
            if kind not in ("config", "secret") or not files.are_named(path.text, container, pods, objects):
                yield path.unresolved("folder of this app, nor do its settings name it", app.paths)
            continue
        yield from _mount(mount, volume, kind, row, pods, objects, provided)
    for folder, row in app.paths.items():
        # What the app only writes to for a moment it can have in its own root, unless that is read-only.
        needed = row.required and (row.kinds != ("scratch",) or reads_only or row.in_memory or row.at_least is not None)
        if needed and not any(mount.get("mountPath").text == folder for mount in mounts):
            yield container.get("volumeMounts").should(f"a list with a mount at {folder}, which the app needs")


def _row(path: str, app: App) -> Mounted | None:
    path = posixpath.normpath(path)
    exact = app.paths.get(path)
    if exact is not None:
        return exact
    return next((row for folder, row in app.paths.items() if folder.endswith("/*") and fnmatchcase(path, folder)), None)


def _kind(volume: Place) -> str:
    for source, kind in (
        ("persistentVolumeClaim", "claim"),
        ("emptyDir", "scratch"),
        ("hostPath", "host"),
        ("configMap", "config"),
        ("projected", "config"),
        ("secret", "secret"),
    ):
        if not volume.get(source).absent:
            return kind
    return "claim" if not volume.get("metadata").absent else "other"


def _mount(
    mount: Place, volume: Place, kind: str, row: Mounted, pods: Pods, objects: Objects, provided: Provided
) -> Iterator[Problem]:
    reads = mount.get("readOnly")
    if row.access == "read-only" and reads.value is not True:
        yield reads.should(f"true: the app may read {mount.get('mountPath').text} and no more")
    if row.access == "read-write" and reads.value is True:
        yield reads.should(f"absent: the app writes to {mount.get('mountPath').text}")
    if kind not in row.kinds:
        yield mount.get("name").should(f"a volume of the kind {' or '.join(row.kinds)}", f"one of the kind {kind}")
        return
    if row.propagation is not None and mount.get("mountPropagation").value != row.propagation:
        yield mount.get("mountPropagation").should(row.propagation)
    if row.host_path is not None and posixpath.normpath(volume.get("hostPath", "path").text) != row.host_path:
        yield volume.get("hostPath", "path").should(f'"{row.host_path}", which the app has at this mount')
    scratch = volume.get("emptyDir")
    if row.in_memory is not None and kind == "scratch" and (scratch.get("medium").value == "Memory") != row.in_memory:
        yield scratch.get("medium").should("Memory" if row.in_memory else "the disk")
    claim = objects.find(
        "PersistentVolumeClaim", volume.get("persistentVolumeClaim", "claimName").value, pods.namespace
    )
    size = scratch.get("sizeLimit") if kind == "scratch" else None
    if claim is not None and kind == "claim":
        size = claim.get("spec", "resources", "requests", "storage")
        yield from _claim(volume, claim, row, objects, provided)
    if row.at_least is not None and size is not None and not size.absent:
        has, least = quantity(size.value), quantity(row.at_least)
        if has is None or (least is not None and has < least):
            yield size.should(f"{row.at_least} at least")


def _claim(volume: Place, claim: Place, row: Mounted, objects: Objects, provided: Provided) -> Iterator[Problem]:
    name = volume.get("persistentVolumeClaim", "claimName")
    bound = objects.find("PersistentVolume", claim.get("spec", "volumeName").value)
    class_name = claim.get("spec", "storageClassName")
    rendered = objects.find("StorageClass", class_name.value)
    if bound is not None:
        keeps = bound.get("spec", "persistentVolumeReclaimPolicy").value == "Retain"
        shared = not bound.get("spec", "csi").absent
    elif rendered is not None:
        keeps, shared = rendered.get("reclaimPolicy").value == "Retain", False
    else:
        known = provided.storage_classes.get(class_name.text)
        keeps, shared = known is not None and known.keeps, False
    if row.keeps is not None and keeps != row.keeps:
        wanted = "keeps its data when the claim goes" if row.keeps else "can go with its claim"
        yield name.should(f"a claim on a class that {wanted}; {claim.resource} is on {class_name.text or 'none'}")
    if row.local and shared:
        yield name.should(f"a claim on a local disk, and {claim.resource} is on a network share")


def _probes(container: Place, pods: Pods, app: App) -> Iterator[Problem]:
    for kind in PROBES:
        probe = container.get(kind)
        if probe.absent:
            continue
        rows = [row for row in app.probes if kind in row.at]
        problems = [list(_probe(probe, row, container, pods)) for row in rows]
        if problems and all(problems):
            # Of all the ways to ask, the one that comes nearest is the one that was meant.
            yield from min(problems, key=lambda one: (_other_way(one, probe), len(one)))
        elif not problems:
            yield probe.should("nothing: the table has no such probe for this app")


def _other_way(problems: list[Problem], probe: Place) -> bool:
    return any(one.path == probe.path for one in problems)


def _probe(probe: Place, row: ProbeRow, container: Place, pods: Pods) -> Iterator[Problem]:
    handler = "httpGet" if row.http else "tcpSocket" if row.tcp else "exec"
    if probe.get(handler).absent:
        yield probe.should(f"{handler} {row.http or ' '.join(row.exec)}".strip())
        return
    if row.http and probe.get("httpGet", "path").value != row.http:
        yield probe.get("httpGet", "path").should(f'"{row.http}", where this app answers')
    if row.http and (probe.get("httpGet", "scheme").value or "HTTP") != "HTTP":
        yield probe.get("httpGet", "scheme").should("HTTP")
    if row.port is not None:
        port = probe.get(handler, "port")
        own = {name: number for name, _, number in ports(container)}
        number = own.get(port.value) if isinstance(port.value, str) else port.value
        if number != row.port:
            yield port.should(f"{row.port}, or the name of that port", f'"{port.text}", which is {number}')
    if row.exec:
        yield from _exec(probe.get("exec", "command"), row, container)


def _exec(command: Place, row: ProbeRow, container: Place) -> Iterator[Problem]:
    words = list(command.items())
    for number, expected in enumerate(row.exec):
        if number >= len(words):
            yield command.should(f"the command {' '.join(row.exec)}")
            return
        if words[number].text != expected:
            yield words[number].should(f'"{expected}", as in {" ".join(row.exec)}')
            return
    variables = env(container)
    arguments = {item.name: item.value for item in options(container.get("args"))}
    given = [option for option in options(command) if option.name.startswith("--")]
    for option in given:
        if option.name not in row.options:
            yield option.said.problem(choice("option of this command", row.options, option.name))
            continue
        wanted = row.options[option.name]
        value = variables[wanted].get("value").text if wanted in variables else arguments.get(wanted, wanted)
        if option.value != value:
            yield option.place.should(f'"{value}"' if value == wanted else f'"{value}", as in {wanted}')
    for name in row.options.keys() - {option.name for option in given}:
        yield command.should(f"a command with {name}")


def _command(container: Place, pods: Pods, app: App, objects: Objects) -> Iterator[Problem]:
    command = container.get("command")
    if not command.absent and tuple(command.value or ()) != app.command:
        yield command.should(f"{list(app.command)}" if app.command else "absent: the image has its own entry point")
    takes_value = frozenset(name for name, row in app.args.items() if row.values != ("",))
    given = list(options(container.get("args"), takes_value))
    seen: set[str] = set()
    for option in given:
        seen.add(option.name)
        row = app.args.get(option.name)
        if row is None:
            known = [name for name in app.args if not name.startswith("[")]
            yield option.said.problem(choice("argument of this app", known, option.name))
            continue
        if said := wrong(row, option.value, tag(container)):
            yield option.place.should(said)
        yield from _file(option, row, container, pods, objects)
    for name, row in app.args.items():
        if row.required and name not in seen:
            yield container.get("args").should(f"a list with {name}, which the app needs")


def _file(option: Option, row: Value, container: Place, pods: Pods, objects: Objects) -> Iterator[Problem]:
    if row.file:
        found = files.at(option.value, container, pods, objects)
        if isinstance(found, str):
            yield option.place.problem(found)


def _user(container: Place, pods: Pods, app: App) -> Iterator[Problem]:
    if app.memory is not None:
        limit = container.get("resources", "limits", "memory")
        has, least = quantity(limit.value), quantity(app.memory.at_least)
        if not limit.absent and (has is None or (least is not None and has < least)):
            yield limit.should(f"{app.memory.at_least} at least")
    if app.user is None:
        return
    own = container.get("securityContext", "runAsUser")
    user = own if not own.absent else pods.spec.get("securityContext", "runAsUser")
    if app.user.uids and user.value not in app.user.uids:
        yield user.should(f"one of the users that the app can be: {', '.join(map(str, app.user.uids))}")
    if not app.user.uids and user.value in (0, None):
        yield user.should("anybody but root")
    privileged = container.get("securityContext", "privileged")
    if app.user.privileged != (privileged.value is True):
        yield privileged.should("true: the app does what only that allows" if app.user.privileged else "absent")
