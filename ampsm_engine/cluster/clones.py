"""Repositories on a host: cloned from the address that the plan names, or made of what is sent in pieces.

And the other side of it: what a host lacks of a repository here, as a bundle. A clone has no checkout of its own, keeps
a branch for each base that items began at, and stays when they are forgotten.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ampsm_engine import file_lock
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import program, repository
from ampsm_engine.home import PRIVATE_FOLDER, Home, open_private
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import printable

BASES = "refs/heads/ampsm-base/"
"""Branches of a host's clone: where items began. The last part is the commit."""

MOST_SENT = 500 << 20
"""Bytes of a repository that are sent to a host; a larger one is to be cloned there."""

PIECE = 8 << 20
"""Bytes that travel at once: a scheduler holds them several times over."""

STREAMED = ("-c", "core.bigFileThreshold=4m")
"""How git packs and unpacks what travels: large files piece by piece, without a search for what they are like."""

PATIENCE = 600.0
"""Seconds to wait for another item that clones the same repository."""

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_NAME = re.compile(r"[0-9a-f]{64}")


class Busy(Failed):
    """Another request works on the same item or clone on this host; ask again."""


@dataclass(frozen=True, slots=True)
class WantedRepository:
    """The repository of an item, as the request to a host names it."""

    key: str
    """What it is called on hosts."""
    base: str
    """The commit that the item's branch begins at."""
    source: str | None
    bundle: str | None
    """The name of the bundle that was sent because the host lacked that commit; None before."""
    author: Mapping[str, str]
    """`user.name` and `user.email` of who asks, where git knows them."""

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "WantedRepository":
        """The repository of a request; Refused when it is none that could be."""
        key, base, bundle = str(found["key"]), str(found["base"]), found.get("bundle")
        source = found.get("source")
        if not _KEY.fullmatch(key) or not repository.is_object_id(base):
            raise Refused(f"{printable(key)[:80]} at {printable(base)[:80]} names no repository.")
        if bundle is not None and not _NAME.fullmatch(str(bundle)):
            raise Refused(f"{printable(str(bundle))[:80]} is no bundle.")
        author = {str(name): str(value) for name, value in dict(found.get("author") or {}).items()}
        return cls(key, base, str(source) if source else None, bundle, author)


@dataclass(frozen=True, slots=True)
class MissingBase:
    """A host has not got the commit that an item begins at."""

    has: tuple[str, ...]
    """The bases that it has of that repository."""


class HostClones:
    """The clones of a host."""

    def __init__(self, home: Home) -> None:
        self._folder = home.root / "cluster"
        self._authors: dict[tuple[str, str], str] = {}
        """What this process has set in the configuration of clones, by their keys and the setting."""

    def path(self, key: str) -> Path:
        """Where the clone of a repository is, or will be."""
        return self._folder / "repositories" / key

    def provide(self, wanted: WantedRepository) -> Path | MissingBase:
        """The clone that has the commit which an item begins at, or what is missing. Refused, Failed as git says."""
        place = self.path(wanted.key)
        place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with file_lock.locked(place.with_suffix(".lock"), PATIENCE) as is_ours:
            if not is_ours:
                raise Busy(f"Another item has been cloning {wanted.key} for {PATIENCE:.0f} s.")
            if not (place / ".git").exists():
                program.change(place.parent, "init", "--quiet", "--initial-branch=ampsm-none", str(place))
                _commit_nothing(place)
            self._set_author(place, wanted)
            if repository.branch_tip(place, f"{BASES.removeprefix(repository.BRANCHES)}{wanted.base}") == wanted.base:
                return place
            if not self._has(place, wanted):
                if wanted.source is not None:
                    self._fetch_source(place, wanted.source)
                elif wanted.bundle is not None:
                    self._fetch_bundle(place, self.incoming(wanted.bundle), wanted.base)
            if not self._has(place, wanted):
                return self._missing(place, wanted)
            program.change(place, "update-ref", f"{BASES}{wanted.base}", wanted.base)
        return place

    def _set_author(self, place: Path, wanted: WantedRepository) -> None:
        for name in ("user.name", "user.email"):
            if name in wanted.author and self._authors.get((wanted.key, name)) != wanted.author[name]:
                program.change(place, "config", name, wanted.author[name])
                self._authors[wanted.key, name] = wanted.author[name]

    def _has(self, place: Path, wanted: WantedRepository) -> bool:
        return repository.resolves(place, f"{wanted.base}^{{commit}}")

    def _missing(self, place: Path, wanted: WantedRepository) -> MissingBase:
        if wanted.source is not None:
            message = f"{printable(wanted.source)[:200]} does not have the commit {wanted.base[:12]}."
            raise Refused(message, "Push it there first, or leave the plan's source away.")
        return MissingBase(tuple(sorted(ref.rpartition("/")[2] for ref in repository.refs(place, BASES))))

    def _fetch_source(self, place: Path, source: str) -> None:
        quiet = {"GIT_TERMINAL_PROMPT": "0"}
        program.change(
            place, "-c", "protocol.ext.allow=never", "fetch", "--quiet", "--no-tags", "--end-of-options",
            source, "+refs/heads/*:refs/remotes/source/*", variables=quiet,
        )  # fmt: skip

    def _fetch_bundle(self, place: Path, file: Path, base: str) -> None:
        if file.exists():
            checked = (*STREAMED, "-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--no-tags")
            _, ref = only_head(place, file)
            program.change(place, *checked, str(file), f"+{ref}:{BASES}{base}")
            file.unlink(missing_ok=True)

    def incoming(self, name: str) -> Path:
        """The file of a bundle that is being sent, or was."""
        return self._folder / "incoming" / f"{name}.bundle"

    def put(self, name: str, offset: int, content: bytes) -> int:
        """Take a piece of a bundle; how many bytes are here. A piece that does not begin at the end changes nothing."""
        if not _NAME.fullmatch(name) or offset + len(content) > MOST_SENT:
            raise Refused(f"{printable(name)[:80]} is no bundle that can be sent.")
        whole = self.incoming(name)
        if whole.exists():
            return whole.stat().st_size
        whole.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        part = whole.with_suffix(".part")
        with os.fdopen(open_private(part, os.O_RDWR | os.O_CREAT), "r+b") as file:
            file_lock.acquire(file.fileno(), None)
            size = file.seek(0, os.SEEK_END)
            if size == offset:
                file.write(content)
                size += len(content)
                file.flush()
            file.seek(0)
            if hashlib.file_digest(file, "sha256").hexdigest() == name:
                part.replace(whole)
        return size


def only_head(root: Path, file: Path) -> tuple[str, str]:
    """The commit and the branch that a bundle holds; Refused when it holds several, or something else."""
    heads = program.query(root, "bundle", "list-heads", str(file)).decode("utf-8", "replace").split("\n")
    oid, _, ref = heads[0].partition(" ")
    if not ref.startswith(repository.BRANCHES) or len(heads) > 2:
        raise Refused("What came holds other commits than those of one branch.")
    return oid, ref


def _commit_nothing(place: Path) -> None:
    """Give a clone a HEAD, whose files are those of its empty checkout: git is asked four times about one without."""
    nobody = ("-c", "user.name=ampsm", "-c", "user.email=ampsm")
    alone = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")
    program.change(
        place, *nobody, *alone, "commit", "--quiet", "--allow-empty", "--message", "Nothing is checked out here"
    )


def key_of(root: Path) -> str:
    """What a repository here is called on hosts: its name, and what tells it from others of that name."""
    from ampsm_engine import naming

    return f"{naming.slug(root.name)[:40] or 'repository'}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"


def bundle(root: Path, branch: str, has: Sequence[str], to: Path) -> str:
    """Write what a host lacks of a branch's history into a file, with that branch; the name that it is sent under.

    `has`: commits that the host has; those that are not known here do not count. Refused when it is too much to send.
    """
    known = [one for one in has if repository.is_object_id(one) and repository.resolves(root, f"{one}^{{commit}}")]
    ref = f"{repository.BRANCHES}{branch}"
    program.change(root, *STREAMED, "bundle", "create", "--quiet", str(to), ref, *(f"^{one}" for one in known))
    size = to.stat().st_size
    if size > MOST_SENT:
        to.unlink()
        message = f"{root} is {size >> 20} MB, and at most {MOST_SENT >> 20} MB are sent to a host."
        raise Refused(message, "Say in the plan where hosts can clone it from: source: ADDRESS")
    with to.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
