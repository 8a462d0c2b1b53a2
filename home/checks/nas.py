"""The NAS: shares that are distinct and can be mounted. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator

from home.checks.repeated import repeated
from home.model import Home
from home.problems import Problem


def share_names_are_unique(home: Home) -> Iterator[Problem]:
    """Apps know a share by its name."""
    for path, name, first in repeated((f"nas.shares[{i}].name", share.name) for i, share in enumerate(home.shares)):
        yield Problem(path, f'"{name}" is already the name of another share ({first})', (first,))


def folders_are_shared_once(home: Home) -> Iterator[Problem]:
    """One folder under two names would be two volumes with two opinions on who may write."""
    folders = ((f"nas.shares[{i}].path", (share.protocol, share.path)) for i, share in enumerate(home.shares))
    for path, (protocol, folder), first in repeated(folders):
        share = first.removesuffix(".path")
        yield Problem(
            path,
            f'"{folder}" is already shared over {protocol} ({first}); let the apps use that share',
            (first, f"{share}.protocol", f"{path.removesuffix('.path')}.protocol"),
        )


def paths_suit_their_protocol(home: Home) -> Iterator[Problem]:
    """NFS exports folders, SMB offers names."""
    for i, share in enumerate(home.shares):
        path, because = f"nas.shares[{i}].path", (f"nas.shares[{i}].protocol",)
        if share.protocol == "nfs" and not share.path.startswith("/"):
            yield Problem(
                path,
                f'"{share.path}" is relative, but NFS exports a folder by its full path on the NAS; write it from the '
                f"root, such as /volume1/{share.path}",
                because,
            )
        if share.protocol == "smb" and ("/" in share.path or "\\" in share.path):
            yield Problem(
                path,
                f'"{share.path}" is a folder, but SMB offers a share by its name; write the name alone, such as '
                f"{share.path.replace(chr(92), '/').strip('/').rpartition('/')[2] or share.name}",
                because,
            )


def smb_has_an_account(home: Home) -> Iterator[Problem]:
    """SMB mounts with a name and a password."""
    smb = [i for i, share in enumerate(home.shares) if share.protocol == "smb"]
    if home.nas and home.nas.username is None and smb:
        yield Problem(
            "nas.username",
            f"is missing, but {home.shares[smb[0]].name} is mounted over SMB, which needs an account on the NAS; "
            "its password is the secret homebrain:nasPassword",
            tuple(f"nas.shares[{i}].protocol" for i in smb),
        )


CHECKS = (share_names_are_unique, folders_are_shared_once, paths_suit_their_protocol, smb_has_an_account)
