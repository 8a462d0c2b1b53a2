"""What runs for a commit and a pull request: .github/workflows and .ci. Linters read them too (`make lint`)."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from home import versions, yamlfile
from tools.toolchain import FOLDERS, TEST_FOLDERS, Pin, cache_folder

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.stem: yamlfile.load(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
JOBS = [(name, job, body) for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()]
STEPS = [(name, job, step) for name, job, body in JOBS for step in body["steps"]]


def test_the_workflows_are_those_that_are_meant() -> None:
    assert list(WORKFLOWS) == ["api-image", "main", "preview-comment", "pull-request"]


def test_actions_are_pinned_by_commit_and_say_which_version_that_is() -> None:
    used = [
        line for path in (ROOT / ".github").rglob("*.yml") for line in path.read_text().splitlines() if "uses:" in line
    ]
    assert used
    for line in used:
        assert re.fullmatch(r" +uses: actions/[a-z-]+(/[a-z]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version_everywhere() -> None:
    used = {tuple(step["uses"].split("@")) for _, _, step in STEPS if "uses" in step}
    # actions/cache/restore is a part of actions/cache, and is released with it.
    versions = {("/".join(name.split("/")[:2]), version) for name, version in used}
    assert len({name for name, _ in versions}) == len(versions)


def test_rights_are_given_to_jobs_one_by_one() -> None:
    assert [name for name, workflow in WORKFLOWS.items() if workflow["permissions"] != {}] == []
    assert [(name, job) for name, job, body in JOBS if "permissions" not in body] == []


WRITERS = {(name, job): body for name, job, body in JOBS if "write" in body["permissions"].values()}


def test_two_jobs_may_write_and_neither_sees_the_code() -> None:
    assert set(WRITERS) == {("api-image", "publish"), ("preview-comment", "comment")}
    assert [step for body in WRITERS.values() for step in body["steps"] if "uses" in step] == []


def test_the_job_that_comments_does_not_see_the_artifact() -> None:
    body = WRITERS["preview-comment", "comment"]
    assert body["permissions"] == {"pull-requests": "write"}
    assert "download" not in body["steps"][0]["run"]


def test_the_job_that_publishes_runs_nothing_of_what_was_built() -> None:
    body = WRITERS["api-image", "publish"]
    assert body["permissions"] == {"actions": "read", "packages": "write"}
    commands = "\n".join(step["run"] for step in body["steps"])
    assert not re.search(r"docker (buildx )?(run|build|exec|create|start)\b", commands)
    assert WORKFLOWS["api-image"]["jobs"]["build"]["permissions"] == {"contents": "read"}


def test_an_image_is_built_tried_and_published_for_both_architectures() -> None:
    build, publish = (WORKFLOWS["api-image"]["jobs"][job] for job in ("build", "publish"))
    built = {one["architecture"] for one in build["strategy"]["matrix"]["include"]}
    assert built == {"amd64", "arm64"}
    scripts = [step.get("run", "") for step in build["steps"]]
    tried = next(one for one in scripts if "docker run" in one)
    assert "--read-only --cap-drop ALL" in tried
    assert scripts.index(tried) < scripts.index(next(one for one in scripts if "docker save" in one))
    assert "for architecture in amd64 arm64;" in publish["steps"][-1]["run"]
    assert "imagetools inspect" in publish["steps"][-1]["run"].split("docker load")[0]
    dockerfile = next(one for one in scripts if "docker buildx build" in one).split("--file ")[1].split()[0]
    assert (ROOT / dockerfile).is_file()


def test_the_tag_that_is_published_is_the_one_that_homes_run(tmp_path: Path) -> None:
    [script] = [
        step["run"]
        for step in WORKFLOWS["api-image"]["jobs"]["build"]["steps"]
        if "versions.yaml" in step.get("run", "")
    ]

    def passes(tag: str) -> bool:
        environment = {**os.environ, "GITHUB_REF_NAME": tag}
        return subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=ROOT, env=environment).returncode == 0

    runs = versions.load()["homebrain-api"].tag
    assert re.fullmatch(r"v\d+\.\d+\.\d+", runs)
    assert passes(runs)
    assert not passes("v999.0.0")
    assert not passes(runs.removesuffix("0"))


def test_the_code_of_a_pull_request_runs_without_secrets_and_rights() -> None:
    triggers = {name: set(workflow["on"]) for name, workflow in WORKFLOWS.items()}
    assert WORKFLOWS["api-image"]["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    assert triggers == {
        "api-image": {"push"},
        "main": {"push"},
        "pull-request": {"pull_request"},
        "preview-comment": {"workflow_run"},
    }
    assert {str(body["permissions"]) for name, _, body in JOBS if name == "pull-request"} == {"{'contents': 'read'}"}
    expressions = re.findall(r"\$\{\{.*?\}\}", repr(WORKFLOWS))
    assert [one for one in expressions if "secrets" in one] == []
    assert "github.token" not in repr(WORKFLOWS["pull-request"])


def test_no_expression_stands_in_a_script() -> None:
    assert [(name, job) for name, job, step in STEPS if "${{" in step.get("run", "")] == []


def test_checkouts_leave_no_credentials_behind() -> None:
    checkouts = [step for _, _, step in STEPS if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert {str(step["with"]["persist-credentials"]) for step in checkouts} == {"False"}
    # Nobody names the commit: it is GitHub's to say, in a workflow_run that of main.
    assert [step for step in checkouts if "ref" in step["with"] or "repository" in step["with"]] == []


def test_every_job_ends_some_day_and_newer_runs_replace_older_ones() -> None:
    assert [(name, job) for name, job, body in JOBS if body["timeout-minutes"] > 90] == []
    assert [name for name, workflow in WORKFLOWS.items() if "concurrency" not in workflow] == []


def test_the_cache_holds_the_built_tools_under_a_key_of_what_they_are_built_from() -> None:
    caches = [step["with"] for _, _, step in STEPS if "actions/cache" in step.get("uses", "")]
    assert len(caches) == 3
    assert all(one == caches[0] for one in caches)
    # What is kept must be whole: who doesn't build all of it keeps nothing.
    keeping = {(name, job) for name, job, step in STEPS if "actions/cache@" in step.get("uses", "")}
    assert keeping == {("main", "checks"), ("pull-request", "tests")}
    kept = Path(caches[0]["path"]).expanduser()
    hashed = {file for glob in re.findall(r"'([^']+)'", caches[0]["key"]) for file in ROOT.glob(glob)}
    assert ROOT / "tools" / "toolchain.py" in hashed
    for folder in (*FOLDERS, *TEST_FOLDERS):
        pin = Pin(folder, ROOT, cache_folder({"HOME": str(Path.home())}))
        assert pin.bin.is_relative_to(kept)
        assert {pin.source / name for name in pin.sources} <= hashed


def test_the_comment_answers_the_workflow_that_leaves_a_preview(preview_comment: ModuleType) -> None:
    listens = WORKFLOWS["preview-comment"]["on"]["workflow_run"]["workflows"]
    assert listens == [WORKFLOWS["pull-request"]["name"]]
    upload = WORKFLOWS["pull-request"]["jobs"]["preview"]["steps"][-1]["with"]
    text, comment = (WORKFLOWS["preview-comment"]["jobs"][job]["steps"] for job in ("text", "comment"))
    assert f"--name {upload['name']} " in text[1]["run"]
    assert f"/{Path(upload['path']).name}" in text[2]["run"]
    assert f'startswith("{preview_comment.MARK}")' in comment[0]["run"]


def test_the_preview_compares_with_what_the_pull_request_would_be_merged_into() -> None:
    scripts = [step.get("run", "") for step in WORKFLOWS["pull-request"]["jobs"]["preview"]["steps"]]
    order = [
        scripts.index(next(one for one in scripts if word in one)) for word in ("change^1", "make up", "make preview")
    ]
    assert order == sorted(order)


# The text of the comment.


@pytest.fixture(scope="session")
def preview_comment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("preview_comment", ROOT / ".ci" / "preview_comment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PREVIEW = "Previewing update (twin):\n    ~ kubernetes:apps/v1:Deployment: (update)\nResources:\n    ~ 1 to update\n"


def fenced(comment: str) -> tuple[str, str]:
    """The code fence of a comment and the text between its two ends."""
    before, fence, rest = re.split(r"(?m)^(`{3,})text$\n", comment, maxsplit=1)
    assert "`" * 3 not in before
    text, end, after = rest.rpartition(f"\n{fence}\n")
    assert end
    assert after == ""
    return fence, text


def test_a_comment_shows_the_preview_and_where_it_comes_from(preview_comment: ModuleType) -> None:
    comment = preview_comment.comment(PREVIEW.encode(), "abc123", "https://example.org/run/1")
    assert comment.startswith(preview_comment.MARK + "\n")
    assert "abc123" in comment
    assert "(https://example.org/run/1)" in comment
    assert fenced(comment) == ("```", PREVIEW.rstrip("\n"))


def test_a_comment_says_so_when_there_is_no_preview(preview_comment: ModuleType) -> None:
    for nothing in (None, b"", b"\n\x00\n"):
        assert "There is no preview of abc123" in preview_comment.comment(nothing, "abc123", "https://example.org")


@given(st.binary() | st.text(alphabet="`~\n <>@!-[]a").map(str.encode))
def test_nothing_in_a_preview_gets_out_of_its_code_block(preview_comment: ModuleType, preview: bytes) -> None:
    comment = preview_comment.comment(preview, "abc123", "https://example.org")
    if "There is no preview" not in comment:
        fence, text = fenced(comment)
        assert fence not in text


@given(st.text(alphabet="aé\n", max_size=600), st.integers(min_value=40, max_value=300))
def test_a_shortened_text_is_short_and_keeps_both_ends(preview_comment: ModuleType, text: str, most: int) -> None:
    short = preview_comment.shortened(text, most)
    if len(text.encode()) <= most:
        assert short == text
        return
    begin, left_out, end = re.split(r"\n\n\.\.\. (-?\d+) lines left out \.\.\.\n\n", short)
    assert len(begin.encode()) + len(end.encode()) <= most
    assert text.startswith(begin)
    assert text.endswith(end)
    assert int(left_out) > 0


def test_a_long_preview_fits_a_comment_and_an_environment_variable(preview_comment: ModuleType) -> None:
    changes = "".join(f"    + kubernetes:core/v1:ConfigMap número-{number} `create`\n" for number in range(5000))
    comment = preview_comment.comment(
        (changes + "Resources:\n    + 5000 to create\n").encode(), "abc123", "https://example.org"
    )
    assert len(comment) < 65_536
    assert len(comment.encode()) < 131_072
    assert "número-0 " in comment
    assert "+ 5000 to create" in comment


def test_colours_and_invisible_characters_are_left_out(preview_comment: ModuleType) -> None:
    coloured = b"\x1b[31m- delete\x1b[0m\r\n\x1b]0;title\x07+ create\xe2\x80\xae etaerc\x08\n\ttab\xff"
    assert preview_comment.readable(coloured) == "- delete\n+ create etaerc\n    tab\N{REPLACEMENT CHARACTER}"


def test_a_link_in_place_of_the_preview_is_not_followed(preview_comment: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a credential")
    (tmp_path / "preview.txt").symlink_to("elsewhere")
    assert preview_comment.content(tmp_path / "preview.txt") is None
    assert preview_comment.content(tmp_path / "nowhere.txt") is None
    assert preview_comment.content(tmp_path / "elsewhere") == b"a credential"


def test_the_comment_can_be_made_from_a_shell(tmp_path: Path) -> None:
    (tmp_path / "preview.txt").write_text(PREVIEW)
    command = [sys.executable, ROOT / ".ci" / "preview_comment.py", tmp_path / "preview.txt"]
    said = subprocess.run(
        [*command, "--commit", "abc123", "--run", "https://example.org"], capture_output=True, text=True
    )
    assert said.returncode == 0
    assert "~ 1 to update" in said.stdout


# .ci/run, on machines that have this or that. What it starts there only writes down that it was started.


class Machine:
    """A machine on which nothing is installed but what `add` puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        self.log.touch()
        # These belong to any Debian. The rest of PATH stays out.
        for name in ("bash", "env", "dirname", "chmod", "cp", "rm"):
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        # Where Debian looks for the file that says which servers may be started.
        self.policy = folder / "policy-rc.d"

    def add(self, name: str, script: str = "") -> None:
        """Install a command that logs its arguments, and then runs `script`."""
        path = self.bin / name
        path.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> "{self.log}"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, **environment: str) -> tuple[int, str, list[str]]:
        """Run .ci/run: its exit code, what it said, and what it started in order."""
        environment |= {"PATH": str(self.bin), "SSL_CERT_FILE": "a file", "POLICY_FOLDER": str(self.policy.parent)}
        done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr, self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a Python that is new enough, and with the programs that tests start."""
    machine = Machine(tmp_path)
    machine.add("postgres")
    machine.add("redis-server")
    machine.add("chromium")
    machine.add("node")
    machine.add("npm")
    (machine.bin / "python3").write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" "$@"\n')
    (machine.bin / "python3").chmod(0o755)
    return machine


def test_ci_runs_the_linters_and_then_every_test(machine: Machine) -> None:
    machine.add("git")
    machine.add("make", f'echo "CI=$CI PYTHON=$PYTHON" >> "{machine.log}"')
    code, said, log = machine.run()
    assert code == 0, said
    assert log == [
        line for target in ("lint", "test") for line in (f"make {target}", f"CI=true PYTHON={machine.bin}/python3")
    ]


def test_ci_ends_with_the_first_thing_that_fails(machine: Machine) -> None:
    machine.add("git")
    machine.add("make", "exit 3")
    code, _, log = machine.run()
    assert (code, log) == (3, ["make lint"])


def test_ci_names_what_is_missing_where_it_can_not_install_it(machine: Machine) -> None:
    (machine.bin / "python3").write_text("#!/usr/bin/env bash\nexit 1\n")
    code, said, log = machine.run()
    assert (code, log) == (1, [])
    assert "Missing here: python3 python3-venv make git" in said


def test_ci_installs_what_is_missing_once_and_only_as_root(machine: Machine) -> None:
    machine.add("git")
    machine.add("later")
    machine.add("apt-get", f'[[ $1 == update ]] || cp "{machine.bin}/later" "{machine.bin}/make"')
    code, said, log = machine.run()
    if os.geteuid() == 0:
        assert code == 0, said
        installed = ["apt-get update -q", "apt-get install -qy --no-install-recommends make"]
        assert log == [*installed, "later lint", "later test"]
    else:
        assert (code, log) == (1, [])
        assert "Missing here: make" in said


SERVER_INSTALLED = 'if [[ $1 == install ]]; then "{policy}"; echo "may start: $?" >> "{log}"; fi'


def test_ci_installs_the_servers_that_tests_start_and_starts_none(machine: Machine) -> None:
    machine.add("git")
    machine.add("make")
    (machine.bin / "redis-server").unlink()
    # On a CI machine that isn't root's.
    machine.add("sudo", '[[ $1 == -n ]] && shift; exec "$@"')
    machine.add("apt-get", SERVER_INSTALLED.format(policy=machine.policy, log=machine.log))
    code, said, log = machine.run(CI="true")
    assert code == 0, said
    did = [line for line in log if not line.startswith("sudo")]
    assert did[1:3] == ["apt-get install -qy --no-install-recommends redis-server", "may start: 101"]
    assert not machine.policy.exists()


@pytest.mark.parametrize("program", ["node", "npm"])
def test_ci_installs_what_runs_the_official_clients(machine: Machine, program: str) -> None:
    machine.add("git")
    machine.add("make")
    (machine.bin / program).unlink()
    machine.add("sudo", '[[ $1 == -n ]] && shift; exec "$@"')
    machine.add("apt-get")
    code, said, log = machine.run(CI="true")
    assert code == 0, said
    assert "apt-get install -qy --no-install-recommends nodejs npm" in log


def test_ci_leaves_a_machine_as_it_was_when_installing_fails(machine: Machine) -> None:
    machine.add("sudo", '[[ $1 == -n ]] && shift; exec "$@"')
    machine.add("apt-get", "exit 100")
    machine.policy.write_text("somebody's own")
    assert machine.run(CI="true")[0] == 100
    assert machine.policy.read_text() == "somebody's own"
    machine.policy.unlink()
    assert machine.run(CI="true")[0] == 100
    assert not machine.policy.exists()


def test_ci_does_not_take_somebodys_rights_unasked(machine: Machine) -> None:
    (machine.bin / "redis-server").unlink()
    machine.add("git")
    machine.add("make")
    machine.add("sudo")
    machine.add("apt-get")
    code, said, log = machine.run()
    assert [line for line in log if line.startswith("sudo")] == []
    if os.geteuid() != 0:
        assert (code, log) == (1, [])
        assert "Missing here: redis-server" in said


def test_ci_runs_the_test_command_that_the_readme_gives() -> None:
    assert "make test" in (ROOT / "README.md").read_text()


def makefile_targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


def test_every_make_target_that_is_called_exists() -> None:
    scripts: list[Any] = [step.get("run", "") for _, _, step in STEPS] + [(ROOT / ".ci" / "run").read_text()]
    called = set(re.findall(r"(?m)^\s*(?:run: )?make ([a-z-]+)", "\n".join(scripts)))
    assert called == {"up", "preview", "lint", "test"}
    assert called <= makefile_targets()
