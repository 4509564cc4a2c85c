"""What changed outside of a session's worktree between two states of its repository: words, and a way back for each.

The words say what git knows: which commits, by whom their trailers say, what the log of a ref says. That amp did it is
only said where it is written down; a person may have worked in the checkout at the same time. What a ref has lost is
kept under refs/ampsm/outside, so that every way back that is told goes on working.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import program, records, repository, repository_state, worktree_status
from ampsm_engine.git.libgit2 import SYMBOLIC
from ampsm_engine.git.repository_state import RepositoryState, StateDifference
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.plain_text import and_more, list_some, plural, printable

MOST_HELD = 100
"""Entries of the stash that are held while amp runs."""

NAMED = 3
"""Files and commits that are named; all are counted."""

_FETCHED = re.compile(r"fetch|pull|remote update|storing head")
_LOG_FORMAT = "%an%x1f%s%x1f%(trailers:key=Amp-Thread-ID,valueonly)%x1f%(trailers:key=Co-authored-by,valueonly)"


@dataclass(frozen=True, slots=True)
class OutsideChange:
    """A change outside of the worktree, and the differences that it is made of."""

    parts: tuple[StateDifference, ...]
    label: str
    """The change in a few words, for a list."""
    text: str
    hint: str = ""
    """A command that takes it back or shows it, and what that does."""
    quiet: bool = False
    """Whether it is worth knowing later, and no mark: fetched commits, a branch without work of its own."""


@dataclass(frozen=True, slots=True)
class WatchedSession:
    """The session whose iteration ran, as far as git knows it."""

    root: Path
    worktree: Path
    branch: str
    thread_id: str
    kept: str
    """What the refs begin with that keep what was lost."""


def explain(
    session: WatchedSession, parts: Sequence[StateDifference], before: RepositoryState, after: RepositoryState
) -> tuple[OutsideChange, ...]:
    """The changes that parts make, refs first; writes refs of ours for what no ref names any more."""
    found = _Explanation(session, before, after)
    by_kind: dict[str, list[StateDifference]] = {}
    for part in parts:
        by_kind.setdefault(part.kind, []).append(part)
    explainers: dict[str, Callable[[StateDifference], None]] = {
        repository_state.REF: found.ref,
        repository_state.STASH: found.stash,
        repository_state.WORKTREE: found.worktree,
        repository_state.OPERATION: found.operation,
        repository_state.CONFIGURATION: found.configuration,
        repository_state.FILE: found.file,
    }
    for kind, explain in explainers.items():
        for part in by_kind.get(kind, ()):
            explain(part)
    found.checkout(by_kind.get(repository_state.CHECKOUT, []))
    found.keep()
    return tuple(found.changes)


def hold_stash(root: Path, kept: str, before: RepositoryState) -> None:
    """Keep the stash's entries until `explain`: once dropped, nothing else names them, and a `git gc` is near."""
    entries = enumerate(list(before[repository_state.STASH])[:MOST_HELD], 1)
    lines = "".join(f"update {kept}/stash/{number} {commit}\n" for number, commit in entries)
    if lines:
        program.change(root, "update-ref", "--stdin", feed=lines.encode())


@dataclass(slots=True)
class _Explanation:
    """The changes found so far, and the commits that have to be kept."""

    session: WatchedSession
    before: RepositoryState
    after: RepositoryState
    changes: list[OutsideChange] = field(default_factory=list)
    _kept: list[str] = field(default_factory=list)
    _behind: set[str] = field(default_factory=set)
    """Files of the user's checkout that a move of its branch has left as they were."""

    @property
    def _root(self) -> Path:
        return self.session.root

    def keep(self) -> None:
        """Let refs of ours name what was lost, and that alone."""
        lines = [f"delete {held}\n" for held in repository.refs(self._root, f"{self.session.kept}/stash/")]
        lines += [f"update {self._kept_ref(number)} {oid}\n" for number, oid in enumerate(self._kept)]
        if lines:
            program.change(self._root, "update-ref", "--stdin", feed="".join(lines).encode())

    def _kept_ref(self, number: int) -> str:
        return f"{self.session.kept}/{number + 1}"

    def _pin(self, oid: str) -> str:
        """Have an object kept; the end of a sentence about it."""
        if not self._has(oid):
            return ", which is not in the repository any more"
        if oid not in self._kept:
            self._kept.append(oid)
        return f", kept as {self._kept_ref(self._kept.index(oid))}"

    def _has(self, oid: str) -> bool:
        return program.read(self._root, "cat-file", "-e", oid).ok

    def _add(
        self, parts: Iterable[StateDifference], label: str, text: str, hint: str = "", *, quiet: bool = False
    ) -> None:
        self.changes.append(OutsideChange(tuple(parts), label, text, hint, quiet))

    def _git(self, *arguments: str | Path, where: Path | None = None) -> str:
        """The text of a git command that a person can copy."""
        return shlex.join(["git", "-C", str(where or self._root), *map(str, arguments)])

    # refs

    def ref(self, part: StateDifference) -> None:
        """A branch, tag, remote branch or other ref was made, moved or deleted."""
        name = _ref_name(part.name)
        both = (part.before or "") + (part.after or "")
        if SYMBOLIC in both:
            old = (part.before or "nothing").removeprefix(SYMBOLIC)
            new = (part.after or "nothing").removeprefix(SYMBOLIC)
            self._add([part], f"{name} changed", f"{name} names {printable(new)}, and before {printable(old)}")
        elif part.before is None:
            self._made(part, name, part.after or "")
        elif part.after is None:
            self._deleted(part, name, part.before)
        else:
            self._moved(part, name, part.before, part.after)

    def _made(self, part: StateDifference, name: str, new: str) -> None:
        commits = self._commits([new, *(f"^{oid}" for oid in self._known())])
        how = self._remote_way(part)
        text = f"{name} was made{how} at {new[:12]}" + (f" ({commits})" if commits else "")
        is_branch = part.name.startswith(repository.BRANCHES)
        quiet = "fetched" in how or (is_branch and not commits)
        shown = self._git("log", "--oneline", "--max-count=20", part.name)
        self._add([part], f"{name} made", text, f"{shown} shows it", quiet=quiet)

    def _deleted(self, part: StateDifference, name: str, old: str) -> None:
        kept = self._pin(old)
        is_remote = part.name.startswith("refs/remotes/")
        why = ", by a push that deleted it or a fetch that pruned it" if is_remote else ""
        text = f"{name} is gone{why}; it was at {old[:12]}{kept}"
        hint = f"{self._git('update-ref', part.name, old)} brings it back" if self._has(old) else ""
        self._add([part], f"{name} gone", text, hint)

    def _moved(self, part: StateDifference, name: str, old: str, new: str) -> None:
        if not all(program.read(self._root, "cat-file", "-e", f"{oid}^{{commit}}").ok for oid in (old, new)):
            text = f"{name} moved {_span(old, new)}{self._pin(old)}"
            self._add([part], f"{name} moved", text, self._put_back(part))
            return
        how = self._remote_way(part)
        gained = self._commits([new, f"^{old}"])
        lost = self._commits([old, f"^{new}"])
        text = f"{name} moved{how} {_span(old, new)}" + (f" ({gained})" if gained else "")
        if lost:
            text += f"; it does not have {lost} any more{self._pin(old)}"
        if part.name.startswith("refs/remotes/"):
            shown = self._git("log", "--oneline", f"{old[:12]}..{new[:12]}")
            label = f"{name} pushed" if "pushed" in how else f"{name} moved"
            self._add([part], label, text, f"{shown} shows what came", quiet="fetched" in how and not lost)
            return
        self._pin(new)  # a way back takes it off the branch: it must not be lost by that
        behind = self._left_behind(part, old, new)
        self._add([part], f"{name} moved", text + behind[0], behind[1] or self._put_back(part))

    def _put_back(self, part: StateDifference) -> str:
        checkout = self._checked_out(part.name)
        old, new = str(part.before)[:12], str(part.after)[:12]
        if checkout is not None:
            return f"{self._git('reset', '--keep', old, where=checkout)} puts it back where it was"
        return f"{self._git('update-ref', part.name, old, new)} puts it back where it was"

    def _left_behind(self, part: StateDifference, old: str, new: str) -> tuple[str, str]:
        """What to say of a branch that moved under a checkout of it: the next commit there would revert the move."""
        checkout = self._checked_out(part.name)
        if checkout is None:
            return "", ""
        options = ("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none", "-z", "--name-only")
        moved = set(records.split(program.query(self._root, "diff-tree", "-r", *options, old, new)))
        indexed = set(records.split(program.query(checkout, "diff-index", "--cached", *options, old, "--")))
        behind = sorted(moved - indexed)
        if not behind:
            return "", ""
        if checkout == self._root:
            self._behind.update(behind)
        where = "your checkout" if checkout == self._root else f"the worktree {printable(str(checkout))}"
        text = (
            f"; {where} has that branch checked out, and its files stayed as they were: the next commit there"
            f" would undo this in {_several(behind)}"
        )
        along = self._git("read-tree", "-m", "-u", old[:12], "HEAD", where=checkout)
        back = self._git("update-ref", part.name, old[:12], new[:12])
        return text, f"{along} brings the files along, or: {back} puts the branch back where it was"

    def _checked_out(self, ref: str) -> Path | None:
        """The worktree beside the session's own that has a branch checked out, before and after."""
        branch = ref.removeprefix(repository.BRANCHES)
        for path, value in self.after[repository_state.WORKTREE].items():
            same = self.before[repository_state.WORKTREE].get(path) == value == branch
            if same and Path(path) != self.session.worktree:
                return Path(path)
        return None

    def _remote_way(self, part: StateDifference) -> str:
        """How a remote branch moved, as its log says: `, fetched`, `, pushed`, or nothing."""
        if not part.name.startswith("refs/remotes/"):
            return ""
        options = ("log", "--walk-reflogs", "--max-count=20", "--format=%H%x00%gs", "--no-color", part.name, "--")
        ways = set()
        for line in program.read(self._root, *options).output.decode("utf-8", "replace").splitlines():
            oid, _, message = line.partition("\0")
            if oid == part.before:
                break
            ways.add("pushed" if "push" in message else "fetched" if _FETCHED.match(message) else "")
        return ", pushed," if "pushed" in ways else ", fetched," if ways == {"fetched"} else ""

    def _known(self) -> set[str]:
        """The commits that were named before, or are by a ref that was there before, or are the session's."""
        old, new = self.before[repository_state.REF], self.after[repository_state.REF]
        head = ("rev-parse", "--quiet", "--verify", "HEAD^{commit}")
        worktree = self.session.worktree
        mine = {new.get(f"{repository.BRANCHES}{self.session.branch}", "")}
        mine |= {program.read(worktree, *head).line} if worktree.is_dir() else set()
        return {oid for oid in {*old.values(), *(new.get(name, "") for name in old), *mine} if _is_commit(oid)}

    def _commits(self, revisions: Sequence[str]) -> str:
        """How many commits a range has, by whom, and the subjects of the newest; empty without one."""
        feed = "".join(f"{one}\n" for one in revisions).encode()
        counted = program.read(self._root, "rev-list", "--count", "--ignore-missing", "--stdin", feed=feed)
        count = int(counted.line) if counted.ok and counted.line.isdigit() else 0
        if not count:
            return ""
        options = (f"--max-count={NAMED}", f"--format=%x1e{_LOG_FORMAT}", "--encoding=UTF-8", "--no-color")
        output = program.read(self._root, "log", *options, "--ignore-missing", "--stdin", feed=feed).output
        records = output.decode("utf-8", "replace").split("\x1e")
        logged = [record.split("\x1f") for record in records if record.count("\x1f") == 3]
        makers = dict.fromkeys(self._maker(*one) for one in logged)
        subjects = ", ".join(f'"{printable(one[1])[:60]}"' for one in logged)
        return f"{plural(count, 'commit')} by {' and '.join(makers)}: {subjects}{and_more(count, len(logged))}"

    def _maker(self, author: str, _subject: str, threads: str, helpers: str) -> str:
        if self.session.thread_id and self.session.thread_id in threads:
            return "amp in this session's thread"
        if threads.strip() or re.search(r"(?i)\bamp\b.*@ampcode", helpers):
            return f"amp for {printable(author)[:40]}"
        return printable(author)[:40] or "nobody"

    # stash, worktrees, checkout

    def stash(self, part: StateDifference) -> None:
        """An entry of the stash, which all worktrees share, was made or is gone."""
        message = part.after or part.before or ""
        called = printable(message)[:80]
        if part.after is not None:
            branch = message.partition(": ")[0].rpartition("n ")[2]
            where = self.session.worktree if branch == self.session.branch else self._root
            text = f'the stash has a new entry, "{called}"'
            apply = self._git("stash", "apply", part.name[:12], where=where)
            self._add([part], "stash +1", text, f"{apply} lays it out")
            return
        text = f'the entry "{called}" of the stash is gone: it was dropped or laid out{self._pin(part.name)}'
        back = self._git("stash", "store", "-m", called, part.name)
        self._add([part], "stash -1", text, f"{back} brings it back" if self._has(part.name) else "")

    def worktree(self, part: StateDifference) -> None:
        """A worktree was made, is gone, or has something else checked out."""
        path = Path(part.name)
        name = "your checkout" if path == self._root else f"the worktree {printable(part.name)}"
        label = "your checkout" if path == self._root else f"worktree {printable(path.name)}"
        old, new = part.before or "", part.after or ""
        if part.after is not None and not new.endswith(repository_state.GONE):
            if part.before is None:
                self._worktree_made(part, path, label)
                return
            left = self._pin(old) if _is_commit(old) else ""
            text = f"{name} stands {_standing(new)}, and stood {_standing(old)}{left}"
            option = ("--detach",) if _is_commit(old) else ()
            hint = f"{self._git('switch', *option, old, where=path)} goes back"
            self._add([part], f"{label} switched", text, hint)
            return
        bare = old.removesuffix(repository_state.GONE)
        left = self._pin(bare) if _is_commit(bare) else ""
        options = ("-f", "--detach") if _is_commit(bare) else ("-f",)
        hint = f"{self._git('worktree', 'add', *options, path, bare)} makes it again from its commit"
        text = f"{name} is gone; it stood {_standing(bare)}{left}. What was not committed there is gone, too"
        self._add([part], f"{label} gone", text, hint)

    def _worktree_made(self, part: StateDifference, path: Path, label: str) -> None:
        stands = part.after or ""
        try:
            files = [entry.path for entry in worktree_status.entries(path)]
        except AmpsmError:
            files = []
        text = f"the worktree {printable(part.name)} was made, {_standing(stands)}"
        if files:
            text += f", with {_several(files, 'uncommitted file')}"
        if _is_commit(stands) and not self._is_named(stands):
            text += f", a commit that no branch has{self._pin(stands)}"
        status = self._git("status", where=path)
        adopt = f"{shlex.join(['ampsm', 'adopt', str(path)])} takes it in as a session"
        self._add([part], f"{label} made", text, f"{status} shows it" if _is_commit(stands) else adopt)

    def _is_named(self, commit: str) -> bool:
        spaces = ("refs/heads", "refs/tags", "refs/remotes")
        return bool(program.read(self._root, "for-each-ref", "--count=1", f"--contains={commit}", *spaces).line)

    def checkout(self, parts: Sequence[StateDifference]) -> None:
        """Files of the user's checkout differ from HEAD that did not before, or no more, or in another way."""
        new = [part for part in parts if part.before is None and part.name not in self._behind]
        again = [part for part in parts if part.before and part.after]
        gone = [part for part in parts if part.after is None and part.name not in self._came_in()]
        status = f"{self._git('status')} lists what differs"
        how_new, how_again = "added, changed or deleted", "changed again"
        for found, how in ((new, how_new), (again, how_again)):
            if found:
                names = [part.name for part in found]
                label = f"{plural(len(names), 'file')} in your checkout"
                self._add(found, label, f"{how} in your checkout: {_several(names)}", status)
        if gone:
            self._gone_from_checkout(gone)

    def _gone_from_checkout(self, gone: Sequence[StateDifference]) -> None:
        """Uncommitted changes that are no more. What was staged is still in the object store."""
        names = [part.name for part in gone]
        text = f"uncommitted changes in {_several(names)} of your checkout are not there any more"
        hints = [f"{self._git('stash', 'list')} shows whether they were stashed"]
        for part in gone[:NAMED]:
            blob = str(part.before).rpartition(" ")[2]
            was_staged = str(part.before)[0] in "AM"
            if was_staged and _is_commit(blob):
                text += f"; what was staged of {printable(part.name)} is {blob[:12]}{self._pin(blob)}"
                hints.append(f"{self._git('cat-file', 'blob', blob[:12])} prints it")
        self._add(gone, f"{plural(len(names), 'file')} reverted in your checkout", text, ", and ".join(hints))

    def _came_in(self) -> set[str]:
        """Paths that the checkout's new commits hold: what was uncommitted is committed there."""
        tree = str(self._root)
        branch = self.after[repository_state.WORKTREE].get(tree, "")
        if branch != self.before[repository_state.WORKTREE].get(tree):
            return set()
        full = f"{repository.BRANCHES}{branch}"
        old, new = (state[repository_state.REF].get(full) for state in (self.before, self.after))
        if not old or not new or old == new:
            return set()
        answer = program.read(self._root, "diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
        return set(records.split(answer.output)) if answer.ok else set()

    # configuration, files of the git folder, operations

    def configuration(self, part: StateDifference) -> None:
        """A key of the configuration that worktrees share, or of the user's own, has other values."""
        scope, _, key = part.name.partition(" ")
        section, _, rest = key.partition(".")
        branch = rest.rpartition(".")[0]
        if section == "branch" and any(one.parts[0].name == f"{repository.BRANCHES}{branch}" for one in self.changes):
            return  # it came or went with the branch, which is told
        old, new = (None if value is None else printable(value)[:80] for value in (part.before, part.after))
        was = "was not set" if old is None else f'was "{old}"'
        text = f"git's configuration ({scope}): {printable(key)} " + (
            f"is not set any more; it {was}" if new is None else f'is "{new}"; it {was}'
        )
        scoped = (f"--{scope}",)
        if part.before is None:
            hint = f"{self._git('config', *scoped, '--unset-all', key)} takes it away"
        elif "\n" in part.before or re.search(r" #[0-9a-f]{12}$", part.before):
            hint = f"{self._git('config', *scoped, '--edit')} opens it"
        else:
            hint = f"{self._git('config', *scoped, '--replace-all', key, part.before)} sets it back"
        self._add([part], f"configuration {printable(key)[:60]}", text, hint)

    def file(self, part: StateDifference) -> None:
        """A hook, or another file of the git folder that bends what git does."""
        path = Path(part.name)
        what = "the hook" if path.parent.name == "hooks" else "the file"
        how = "was added" if part.before is None else "is gone" if part.after is None else "has changed"
        hint = f"{shlex.join(['ls', '-l', str(path.parent)])} shows it"
        self._add([part], f"{printable(path.name)} {how}", f"{what} {printable(part.name)} {how}", hint)

    def operation(self, part: StateDifference) -> None:
        """A merge, rebase or the like is in progress in the user's checkout, or is not any more."""
        how = "is in progress in your checkout" if part.after else "of your checkout has ended"
        self._add([part], f"{part.name} in your checkout", f"a {part.name} {how}", f"{self._git('status')} tells more")


def _ref_name(full: str) -> str:
    spaces = ((repository.BRANCHES, "branch"), ("refs/tags/", "tag"), ("refs/remotes/", "remote branch"))
    for space, word in spaces:
        if full.startswith(space):
            return f"{word} {printable(full.removeprefix(space))}"
    return f"ref {printable(full)}"


def _span(old: str, new: str) -> str:
    return f"{old[:12]}..{new[:12]}"


def _is_commit(value: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", value) is not None


def _standing(value: str) -> str:
    if _is_commit(value):
        return f"at {value[:12]}, on no branch"
    return f"on branch {printable(value)}" if value else "on no commit"


def _several(names: Sequence[str], word: str = "file") -> str:
    """`3 files (a, b, c)`."""
    return f"{plural(len(names), word)} ({list_some(names, NAMED)})"
