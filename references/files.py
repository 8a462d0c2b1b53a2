"""Which file a path in a container stands for: a key of a mounted Secret or ConfigMap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from references.objects import Objects, Pods, keys
from references.place import Place, choice

_HOLDERS = (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name"))


@dataclass(frozen=True)
class File:
    """A key of a Secret or ConfigMap. text: its content, None where that can't be seen."""

    holder: Place
    key: str

    @property
    def text(self) -> str | None:
        """What is in it; None for a Secret's content."""
        value: Any = self.holder.get("data").value
        return value.get(self.key) if self.holder.get("kind").value == "ConfigMap" and isinstance(value, dict) else None


def at(path: str, container: Place, pods: Pods, objects: Objects) -> File | str | None:
    """The file at a path; a sentence on why there is none; None where the content can't be known: on a claim, or filled
    by an init container."""
    if not path.startswith("/"):
        return "it should be the absolute path of a file"
    found = pods.volume_at(container, path)
    if found is None:
        mounts = [one.get("mountPath").text for one in container.get("volumeMounts").items()]
        known = ", ".join(sorted(mounts)) or "of which there are none"
        return f"it should be a path below one of the container's mounts, {known}"
    mount, volume, rest = found
    if volume is None:
        return None
    rest = mount.get("subPath").text or rest
    for part in (volume, *volume.get("projected", "sources").items()):
        for source, kind, called in _HOLDERS:
            name = part.get(source, called if part is volume else "name")
            holder = objects.find(kind, name.value, pods.namespace)
            if part.get(source).absent or holder is None:
                continue
            renamed = {one.get("path").text: one.get("key").text for one in part.get(source, "items").items()}
            there = list(renamed) or keys(holder)
            if there is None or rest in there:
                return File(holder, renamed.get(rest, rest))
            if part is volume:
                return choice(f"file of {holder.resource}", there, rest)
    if not volume.get("emptyDir").absent and not _filled(volume, pods):
        return "it should be a file that is there when the app starts, and this folder is empty then"
    return None


def are_named(folder: str, container: Place, pods: Pods, objects: Objects) -> bool:
    """Whether the container is told of the folder, or of something in it: by its variables, its words, or a file that
    is mounted in it. What is mounted where nobody looks is mounted in vain."""
    told = [one.text for part in ("command", "args") for one in container.get(part).items()]
    told += [one.get("value").text for one in container.get("env").items()]
    for mount in container.get("volumeMounts").items():
        volume = pods.volumes().get(mount.get("name").text)
        name = volume.get("configMap", "name").value if volume else None
        config = objects.find("ConfigMap", name, pods.namespace) if name else None
        content = config.get("data").value if config else None
        told += content.values() if isinstance(content, dict) else []
    path = re.compile(rf"(?<![\w/.-]){re.escape(folder.rstrip('/'))}(?![\w.-])")
    return any(path.search(str(one)) for one in told)


def _filled(volume: Place, pods: Pods) -> bool:
    name = volume.get("name").value
    return any(
        mount.get("name").value == name
        for container in pods.spec.get("initContainers").items()
        for mount in container.get("volumeMounts").items()
    )
