"""From a policy file to a `Policy`, with every mistake at once."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tailnet import ports, selectors
from tailnet.hujson import read
from tailnet.policy import Policy, Rule, Test
from tailnet.ports import Ports
from tailnet.problems import PolicyError, did_you_mean
from tailnet.selectors import GROUP, LOGIN, TAG, Names, Network, network

# https://tailscale.com/docs/reference/syntax/policy-file
SECTIONS: Final = {
    "acls": list, "autoApprovers": dict, "derpMap": dict, "disableIPv4": bool, "grants": list, "groups": dict,
    "hosts": dict, "ipsets": dict, "nodeAttrs": list, "OneCGNATRoute": str, "postures": dict,
    "randomizeClientPort": bool, "ssh": list, "sshTests": list, "tagOwners": dict, "tests": list,
}  # fmt: skip
_GRANT: Final = frozenset(("src", "dst", "ip", "app", "srcPosture", "via"))
_ACL: Final = frozenset(("action", "src", "dst", "proto", "srcPosture", "users", "ports"))
_TEST: Final = frozenset(("src", "srcPostureAttrs", "proto", "accept", "deny", "allow"))
_SSH: Final = frozenset(
    ("action", "src", "dst", "users", "checkPeriod", "acceptEnv", "recorder", "enforceRecorder", "srcPosture")
)
_NODE_ATTRIBUTES: Final = frozenset(("target", "attr", "app", "ipPool"))
_SSH_TEST: Final = frozenset(("src", "dst", "accept", "deny", "check", "srcPostureAttrs"))
_OWNER_ROLES: Final = frozenset(f"autogroup:{one}" for one in (*selectors.ROLES, "member", "members"))
_KINDS: Final = {list: "a list", dict: "an object", str: "a text", bool: "true or false"}


def parse(source: str | Mapping[str, Any]) -> Policy:
    """The policy in a HuJSON text, or in plain data. Raises `PolicyError` with every problem at once."""
    document = read(source) if isinstance(source, str) else source
    if not isinstance(document, Mapping):
        raise PolicyError(["the file holds no object; write { } around its sections"])
    reader = _Reader(document)
    policy = reader.policy()
    if reader.problems:
        raise PolicyError(dict.fromkeys(reader.problems))
    return policy


class _Reader:
    """Reads one document, and collects what is wrong with it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.problems: list[str] = []
        self._document: dict[str, Any] = {}
        for key, value in document.items():
            if key not in SECTIONS:
                self._wrong(key, f"there is no such section{did_you_mean(str(key), SECTIONS)}")
            elif value is None or isinstance(value, SECTIONS[key]):
                self._document[key] = value if value is not None else SECTIONS[key]()
            else:
                self._wrong(key, f"holds no {_KINDS[SECTIONS[key]].split(' ', 1)[-1]}; write {_KINDS[SECTIONS[key]]}")
        self._tags = frozenset(str(tag).lower() for tag in self._document.get("tagOwners", {}))
        self._postures = frozenset(map(str, self._document.get("postures", {})))
        self._names = Names({}, {}, {}, self._tags)

    def policy(self) -> Policy:
        """The policy, as far as it can be read."""
        groups = dict(self._groups())
        hosts = dict(self._hosts())
        self._names = Names(groups, hosts, {}, self._tags)
        ipsets = {name: tuple(self._ipset(name, parts)) for name, parts in self._each("ipsets")}
        self._names = Names(groups, hosts, ipsets, self._tags)
        owners = {tag: tuple(self._owners(tag, listed)) for tag, listed in self._each("tagOwners")}
        for name, conditions in self._each("postures"):
            self._posture(name, conditions)
        rules = tuple(rule for rule in (*self._grants(), *self._acls()) if rule is not None)
        tests = tuple(test for test in self._tests() if test is not None)
        self._ssh()
        self._ssh_tests()
        self._approvers()
        self._node_attributes()
        return Policy(self._names, rules, tests, owners, self._postures, dict(self._document))

    # Sections

    def _groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for name, members in self._each("groups"):
            place = f"groups.{name}"
            if not GROUP.fullmatch(name):
                self._wrong(place, f'"{name}" is no name of a group; write it as group:{name.rpartition(":")[2]}')
            logins = []
            for index, member in self._texts(place, members):
                if LOGIN.fullmatch(member):
                    logins.append(member)
                else:
                    self._wrong(f"{place}[{index}]", f'"{member}" is no login: groups hold people, as ada@example.com')
            yield name, tuple(logins)

    def _hosts(self) -> Iterator[tuple[str, Network]]:
        for name, address in self._each("hosts"):
            found = network(address) if isinstance(address, str) else None
            if ":" in name or "@" in name or "/" in name:
                self._wrong(f"hosts.{name}", f'"{name}" looks like another selector; name the host without : @ and /')
            if found is None:
                self._wrong(f"hosts.{name}", f"{_shown(address)} is neither an address nor a network")
            else:
                yield name, found

    def _ipset(self, name: str, parts: Any) -> Iterator[Network]:
        place = f"ipsets.{name}"
        if not name.startswith("ipset:"):
            self._wrong(place, f'"{name}" is no name of an ip set; write it as ipset:{name}')
        for index, part in self._texts(place, parts):
            # Taking networks out again would need arithmetic that no home has asked for.
            operation, _, target = part.rpartition(" ")
            found = self._names.hosts.get(target) or network(target.removeprefix("host:"))
            if operation not in ("", "add") or found is None:
                self._wrong(f"{place}[{index}]", f'"{part}" is no host, address or network that is added')
            else:
                yield found

    def _owners(self, tag: str, listed: Any) -> Iterator[str]:
        place = f"tagOwners.{tag}"
        if not TAG.fullmatch(tag):
            self._wrong(place, f'"{tag}" is no tag; write tag: and then letters, digits and hyphens, a letter first')
        for index, owner in self._texts(place, listed):
            if owner in _OWNER_ROLES or self._is_somebody(f"{place}[{index}]", owner, "an owner"):
                yield owner

    def _posture(self, name: str, conditions: Any) -> None:
        if not name.startswith("posture:"):
            self._wrong(f"postures.{name}", f'"{name}" is no name of a posture; write it as posture:{name}')
        list(self._texts(f"postures.{name}", conditions))

    def _grants(self) -> Iterator[Rule | None]:
        for place, grant in self._objects("grants", _GRANT):
            sources = tuple(self._selected(place, grant, "src", source=True))
            targets = tuple(self._selected(place, grant, "dst", source=False))
            if "ip" not in grant and "app" not in grant:
                self._wrong(place, 'grants nothing; say which ports in "ip", or which capabilities in "app"')
            granted = tuple(
                one
                for index, text in self._texts(f"{place}.ip", grant.get("ip", []))
                if (one := self._tried(f"{place}.ip[{index}]", ports.of_grant, text)) is not None
            )
            app = grant.get("app", {})
            if not isinstance(app, Mapping):
                self._wrong(f"{place}.app", "holds no object; write capabilities by name, each with a list")
            for index, via in self._texts(f"{place}.via", grant.get("via", [])):
                self._is_owned(f"{place}.via[{index}]", via)
            yield Rule(place, sources, tuple((one, granted) for one in targets), self._asked_postures(place, grant))

    def _acls(self) -> Iterator[Rule | None]:
        for place, acl in self._objects("acls", _ACL):
            if acl.get("action") != "accept":
                self._wrong(
                    f"{place}.action", f'{_shown(acl.get("action"))} is no action; there is "accept" and no other'
                )
            acl = {"src": acl.get("users", []), "dst": acl.get("ports", [])} | dict(acl)
            sources = tuple(self._selected(place, acl, "src", source=True))
            proto = str(acl.get("proto", ""))
            targets = []
            for index, text in self._some(f"{place}.dst", acl.get("dst")):
                there = f"{place}.dst[{index}]"
                host, colon, numbers = text.rpartition(":")
                if not colon:
                    self._wrong(there, f'"{text}" names no ports; write {text}:443, or {text}:* for all of them')
                    continue
                host = host.strip("[]")
                self._is_selector(there, host, source=False)
                if (of := self._tried(there, functools.partial(ports.of_acl, proto=proto), numbers)) is not None:
                    targets.append((host, of))
            yield Rule(place, sources, tuple(targets), self._asked_postures(place, acl))

    def _tests(self) -> Iterator[Test | None]:
        for place, test in self._objects("tests", _TEST):
            source = test.get("src")
            if not isinstance(source, str) or not self._is_one(f"{place}.src", source):
                if not isinstance(source, str):
                    self._wrong(
                        f"{place}.src", f"{_shown(source)} is nobody; name a login, a tag, a host or an address"
                    )
                continue
            proto = str(test.get("proto", ""))
            if proto and self._tried(f"{place}.proto", ports.protocol, proto) is None:
                continue
            accept = tuple(self._destinations(f"{place}.accept", test.get("accept", test.get("allow", []))))
            deny = tuple(self._destinations(f"{place}.deny", test.get("deny", [])))
            if not any(test.get(key) for key in ("accept", "allow", "deny")):
                self._wrong(place, 'tests nothing; say what it may reach in "accept", and what not in "deny"')
            yield Test(place, source, accept, deny, proto, bool(test.get("srcPostureAttrs")))

    def _destinations(self, place: str, listed: Any) -> Iterator[tuple[str, int]]:
        for index, text in self._texts(place, listed):
            there = f"{place}[{index}]"
            host, colon, number = text.rpartition(":")
            if not colon or not re.fullmatch("[0-9]{1,5}", number) or int(number) > ports.LAST:
                self._wrong(there, f'"{text}" is no destination of a test; write one host and one port, as nas:445')
            elif host == "*" or "/" in host:
                self._wrong(there, f'"{host}" is more than one machine, and a test is about one; name it')
            elif self._is_one(there, host.strip("[]")):
                yield host.strip("[]"), int(number)

    def _ssh(self) -> None:
        for place, rule in self._objects("ssh", _SSH):
            if rule.get("action") not in ("accept", "check"):
                self._wrong(f"{place}.action", f'{_shown(rule.get("action"))} is no action; write "accept" or "check"')
            list(self._selected(place, rule, "src", source=True))
            for index, text in self._some(f"{place}.dst", rule.get("dst")):
                there = f"{place}.dst[{index}]"
                if text == "*" or network(text) or text in self._names.hosts:
                    self._wrong(there, f'"{text}" can\'t be; Tailscale SSH goes to tags, logins and autogroup:self')
                else:
                    self._is_selector(there, text, source=False)
            list(self._some(f"{place}.users", rule.get("users")))
            period = rule.get("checkPeriod")
            if period is not None and not re.fullmatch(r"always|([0-9]+(ms|s|m|h))+", str(period)):
                self._wrong(f"{place}.checkPeriod", f"{_shown(period)} is no time; write one as 12h, or always")
            if period is not None and rule.get("action") == "accept":
                self._wrong(f"{place}.checkPeriod", 'goes with the action "check" only')

    def _ssh_tests(self) -> None:
        for place, test in self._objects("sshTests", _SSH_TEST):
            if not isinstance(test.get("src"), str):
                self._wrong(f"{place}.src", f"{_shown(test.get('src'))} is nobody; name a login, a tag or a host")
            else:
                self._is_one(f"{place}.src", test["src"])
            for index, text in self._some(f"{place}.dst", test.get("dst")):
                self._is_one(f"{place}.dst[{index}]", text)

    def _approvers(self) -> None:
        approvers = self._document.get("autoApprovers", {})
        for key in approvers.keys() - {"routes", "exitNode", "services"}:
            self._wrong(f"autoApprovers.{key}", "there is no such key; there are routes, exitNode and services")
        for kind in ("routes", "services"):
            by_name = approvers.get(kind, {})
            if not isinstance(by_name, Mapping):
                self._wrong(f"autoApprovers.{kind}", "holds no object; write who approves by what is approved")
                continue
            for name, listed in by_name.items():
                if kind == "routes" and network(name) is None:
                    self._wrong(f"autoApprovers.routes.{name}", f'"{name}" is no network')
                self._approved_by(f"autoApprovers.{kind}.{name}", listed)
        self._approved_by("autoApprovers.exitNode", approvers.get("exitNode", []))

    def _approved_by(self, place: str, listed: Any) -> None:
        for index, owner in self._texts(place, listed):
            if owner not in _OWNER_ROLES and owner != "autogroup:tagged":
                self._is_somebody(f"{place}[{index}]", owner, "an approver")

    def _node_attributes(self) -> None:
        for place, one in self._objects("nodeAttrs", _NODE_ATTRIBUTES):
            for index, text in self._some(f"{place}.target", one.get("target")):
                self._is_selector(f"{place}.target[{index}]", text, source=True)
            list(self._texts(f"{place}.attr", one.get("attr", [])))

    # Pieces

    def _selected(self, place: str, rule: Mapping[str, Any], key: str, *, source: bool) -> Iterator[str]:
        for index, text in self._some(f"{place}.{key}", rule.get(key)):
            if self._is_selector(f"{place}.{key}[{index}]", text, source=source):
                yield text

    def _asked_postures(self, place: str, rule: Mapping[str, Any]) -> tuple[str, ...]:
        asked = []
        for index, name in self._texts(f"{place}.srcPosture", rule.get("srcPosture", [])):
            if name in self._postures:
                asked.append(name)
            else:
                hint = did_you_mean(name, self._postures)
                self._wrong(f"{place}.srcPosture[{index}]", f'there is no posture "{name}"{hint}')
        return tuple(asked)

    def _is_selector(self, place: str, text: str, *, source: bool) -> bool:
        """Whether it may stand in a rule; a problem is told where not."""
        if text == "*" or network(text) or re.fullmatch(r"user:\*@[^\s@:*]+", text):
            return True
        if text.startswith("autogroup:"):
            known = (
                selectors.SOURCES
                if source
                else (selectors.SOURCES - {"autogroup:shared"}) | selectors.ONLY_DESTINATIONS
            )
            if text in known:
                return True
            if source and text in selectors.ONLY_DESTINATIONS:
                self._wrong(place, f"{text} can only be a destination")
            else:
                self._wrong(place, f'there is no "{text}" here{did_you_mean(text, known)}')
            return False
        if text.startswith("ipset:"):
            return self._is_known(place, text, self._names.ipsets, "ip set")
        return self._is_one(place, text)

    def _is_one(self, place: str, text: str) -> bool:
        """Whether it names people or machines of the tailnet, or a host."""
        if LOGIN.fullmatch(text) or network(text):
            return True
        if text.startswith("group:"):
            return self._is_known(place, text, self._names.groups, "group")
        if text.startswith("tag:"):
            return self._is_owned(place, text)
        return self._is_known(place, text, self._names.hosts, "host")

    def _is_somebody(self, place: str, text: str, what: str) -> bool:
        if LOGIN.fullmatch(text):
            return True
        if text.startswith("group:"):
            return self._is_known(place, text, self._names.groups, "group")
        if text.startswith("tag:"):
            return self._is_owned(place, text)
        self._wrong(place, f'"{text}" can\'t be {what}; name a login, a group, a tag or an autogroup of people')
        return False

    def _is_owned(self, place: str, tag: str) -> bool:
        if tag.lower() in self._tags:
            return True
        self._wrong(place, f'nobody owns "{tag}", so no machine can have it; add it to tagOwners')
        return False

    def _is_known(self, place: str, text: str, known: Mapping[str, object], what: str) -> bool:
        if text in known:
            return True
        self._wrong(place, f'there is no {what} "{text}"{did_you_mean(text, known)}')
        return False

    def _tried(self, place: str, read_as: Callable[[str], Ports | tuple[Ports, ...] | int], text: str) -> Any:
        try:
            return read_as(text)
        except ValueError as error:
            self._wrong(place, str(error))
            return None

    def _each(self, section: str) -> Iterator[tuple[str, Any]]:
        for name, value in self._document.get(section, {}).items():
            yield str(name), value

    def _objects(self, section: str, keys: frozenset[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for index, one in enumerate(self._document.get(section, [])):
            place = f"{section}[{index}]"
            if not isinstance(one, Mapping):
                self._wrong(place, f"{_shown(one)} is no object")
                continue
            for key in one.keys() - keys:
                self._wrong(f"{place}.{key}", f"there is no such key{did_you_mean(str(key), keys)}")
            yield place, one

    def _some(self, place: str, listed: Any) -> Iterator[tuple[int, str]]:
        if not listed:
            self._wrong(place, "is empty; name at least one")
            return
        yield from self._texts(place, listed)

    def _texts(self, place: str, listed: Any) -> Iterator[tuple[int, str]]:
        if not isinstance(listed, list | tuple):
            self._wrong(place, f"{_shown(listed)} is no list")
            return
        for index, text in enumerate(listed):
            if isinstance(text, str):
                yield index, text
            else:
                self._wrong(f"{place}[{index}]", f"{_shown(text)} is no text")

    def _wrong(self, place: str, what: str) -> None:
        self.problems.append(f"{place}: {what}")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "a number" if isinstance(value, int | float) else "a list" if isinstance(value, list) else "an object"
