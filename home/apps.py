"""The apps of the home and what each asks of it. Imports the values, the roles of people, and nothing else of ours.

An app that is left out of the config is absent: `apps.jellyfin is None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from home.people import Role
from home.quantities import to_bytes
from home.record import Record
from home.values import Count, Days, ImageReference, Name, NoneOrMore, Size

Door = Literal["public", "tailnet"]


class GpuShare(Record):
    """What one workload takes of its node's GPU.

    Kubernetes counts slices and nothing else; memory is kept within the card only by the declarations here.
    """

    slices: NoneOrMore = 1
    """How many slices (`nvidia.com/gpu`) the workload asks for. 0 on a node whose card is shared without limits,
    and only there: nothing is asked for on such a node."""
    vram: Size
    """The card's memory that the workload takes at its peak, all its processes together, CUDA contexts not counted."""
    processes: Count = 1
    """How many processes use the card at once; each holds a CUDA context of its own."""

    @property
    def vram_bytes(self) -> int:
        """`vram` in bytes."""
        return to_bytes(self.vram)


class App(Record):
    """An app: where it runs, the doors through which people reach it, and which people."""

    node: Name | None = None
    """The node that the app runs on. Left out, any node in service may run it; an app with a GPU names its node."""
    doors: tuple[Door, ...] = ()
    """The ways in: `public` through the Cloudflare tunnel, `tailnet` through Tailscale. None: other apps only."""
    hostname: Name | None = None
    """The app's name at its doors, a single label: `photos` is photos.example.com at the public door, and the machine
    `photos` in the tailnet. The public door needs one; the tailnet takes the app's own name where this is left out."""
    roles: tuple[Role, ...] = ("owner",)
    """Who may come in: people of these roles, through the tailnet and, unless `signIn` is false, through the public
    door."""
    sign_in: bool = True
    """Whether Cloudflare Access asks who somebody is before anything from the internet reaches the app. `false` leaves
    that to the app's own login, for programs on phones and televisions that can't sign in to Access."""
    gpu: GpuShare | None = None
    """What the app takes of its node's GPU; leave out for an app without."""

    @property
    def gpu_shares(self) -> Mapping[str, GpuShare]:
        """Every part of the app that uses the GPU, by its place in the app's config: `{"gpu": …}`."""
        return {"gpu": self.gpu} if self.gpu else {}

    @property
    def shares(self) -> Mapping[str, str]:
        """The names of the NAS shares that the app uses, by place in the app's config: `{"libraries[0]": "media"}`."""
        return {}


class JellyfinStorage(Record):
    """Jellyfin's volumes on local disk."""

    config: Size = "10Gi"
    """Settings, users and the library database."""
    cache: Size = "30Gi"
    """Transcoded pieces and images; may be lost."""


class Jellyfin(App):
    """Films, series and music."""

    libraries: tuple[Name, ...] = ()
    """The NAS shares with media, mounted read-only."""
    storage: JellyfinStorage = JellyfinStorage()
    """The sizes of the app's volumes on local disk."""

    @property
    def shares(self) -> Mapping[str, str]:
        """The media libraries."""
        return {f"libraries[{index}]": name for index, name in enumerate(self.libraries)}


class MachineLearning(Record):
    """Immich's recognition of faces and scenes, a workload of its own on the app's node."""

    gpu: GpuShare | None = None
    """What it takes of the node's GPU; leave out to compute on the CPU."""


class ImmichStorage(Record):
    """Immich's volumes on local disk."""

    upload: Size = "500Gi"
    """Photos and videos that were uploaded, with thumbnails."""
    database: Size = "20Gi"
    """PostgreSQL's data."""
    queue: Size = "1Gi"
    """The queue of waiting jobs, kept across restarts."""
    models: Size = "10Gi"
    """The machine learning models; fetched again when lost."""


class Immich(App):
    """Photos. `gpu` is the server's, which encodes videos; machine learning has its own."""

    libraries: tuple[Name, ...] = ()
    """The NAS shares with photos that Immich shows but does not own, mounted read-only."""
    machine_learning: MachineLearning = MachineLearning()
    """The recognition of faces and scenes."""
    storage: ImmichStorage = ImmichStorage()
    """The sizes of the app's volumes on local disk."""

    @property
    def gpu_shares(self) -> Mapping[str, GpuShare]:
        """The server's and machine learning's."""
        learning = self.machine_learning.gpu
        return {**super().gpu_shares, **({"machineLearning.gpu": learning} if learning else {})}

    @property
    def shares(self) -> Mapping[str, str]:
        """The photo libraries."""
        return {f"libraries[{index}]": name for index, name in enumerate(self.libraries)}


class Api(App):
    """The HomeBrain API and its page, which gather what the other apps know. Two replicas, on two nodes if they can."""

    prefers: Name | None = None
    """The node that one of them runs on while it is in service; while it isn't, any other does. `node` would keep both
    there and nowhere else."""
    image: ImageReference | None = None
    """The API's image, where your own workflow publishes it; left out, the one of versions.yaml."""
    programs: tuple[Name, ...] = ()
    """Programs that may ask it. Each gets a token of its own, in the stack's output `api`."""


class Transcode(App):
    """The worker that makes videos smaller, as many at once as `gpu.processes` says."""

    share: Name = Field(examples=["video"])
    """The NAS share with the videos: read, replaced by smaller ones, so it has to be read-write."""

    @property
    def shares(self) -> Mapping[str, str]:
        """The videos."""
        return {"share": self.share}


class Retention(Record):
    """How long what monitoring gathers is kept. What doesn't fit its volume goes earlier, the oldest first."""

    metrics: Days = "30d"
    """What Prometheus measured."""
    logs: Days = "14d"
    """What pods and machines wrote."""


class Logs(Record):
    """How logs are gathered."""

    agent: Literal["alloy", "promtail"] = "alloy"
    """What reads them on each node: Grafana Alloy, or Promtail, which it succeeded and which gets no more updates."""


class Alerts(Record):
    """Where alerts are sent."""

    receiver: Literal["ntfy", "webhook"] = "ntfy"
    """`ntfy` is the home's own, which has to be among the apps. `webhook` is an address elsewhere, which is a secret:
    `alertWebhookUrl`."""


class MonitoringStorage(Record):
    """Monitoring's volumes on local disk."""

    metrics: Size = "20Gi"
    """Prometheus' database; it takes four fifths of this and then forgets the oldest."""
    logs: Size = "20Gi"
    """Loki's."""
    alerts: Size = "1Gi"
    """What Alertmanager has told, and what is silenced."""
    dashboards: Size = "1Gi"
    """Grafana's own database: people and their preferences. Dashboards come with the program."""


class Monitoring(App):
    """Metrics, logs, alerts and dashboards. Its doors lead to Grafana."""

    retention: Retention = Retention()
    """How long what it gathers is kept."""
    logs: Logs = Logs()
    """How logs are gathered."""
    alerts: Alerts = Alerts()
    """Where alerts are sent."""
    storage: MonitoringStorage = MonitoringStorage()
    """The sizes of its volumes on local disk."""


class NtfyStorage(Record):
    """The notification server's volumes on local disk."""

    messages: Size = "1Gi"
    """Messages of the last days, for devices that were away, and who may read what."""


class Ntfy(App):
    """Notifications on phones and desktops, sent by the home itself. Closed: it asks everybody who they are."""

    storage: NtfyStorage = NtfyStorage()
    """The sizes of its volumes on local disk."""


class Apps(Record):
    """Every app that a home may have. Those left out are None."""

    immich: Immich | None = None
    """Photos."""
    jellyfin: Jellyfin | None = None
    """Films, series and music."""
    api: Api | None = None
    """The HomeBrain API and its page, which gather what the other apps know."""
    transcode: Transcode | None = None
    """The worker that makes videos smaller."""
    file_browser: App | None = None
    """Files on the local disk and the NAS, in a browser."""
    argocd: App | None = None
    """Deployment from Git."""
    monitoring: Monitoring | None = None
    """Metrics, logs, alerts and dashboards."""
    ntfy: Ntfy | None = None
    """Notifications on phones."""
    ollama: App | None = None
    """Language models."""

    @property
    def by_name(self) -> Mapping[str, App]:
        """The apps that the home has, by their names in the config (`fileBrowser`), always in the same order."""
        fields = type(self).model_fields.items()
        apps = ((field.alias or name, getattr(self, name)) for name, field in fields)
        return {name: app for name, app in apps if app is not None}
