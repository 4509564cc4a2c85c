"""Random histories of a base and a session, as hypothesis strategies, and their building without a worktree."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

Files = dict[str, tuple[str, bytes]]

NAMES = ("a", "b", "d/a", "d/b", "d/e/a", "f/a", "f/g", "é", "-x")
FOLDERS = ("d", "f", "d/e", "new/deep", "a", "n")
START: Files = {name: ("100644", "".join(f"{name} {number}\n" for number in range(12)).encode()) for name in NAMES}

edits = st.one_of(
    st.tuples(st.just("line"), st.sampled_from(NAMES), st.integers(0, 11), st.sampled_from("xyz")),
    st.tuples(st.just("line"), st.sampled_from(NAMES), st.integers(0, 11), st.sampled_from("xyz")),
    st.tuples(st.just("insert"), st.sampled_from(NAMES), st.integers(0, 11), st.sampled_from("xyz")),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just(0), st.just("")),
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.just(0), st.sampled_from((*NAMES, "m/n", "k"))),
    st.tuples(st.just("move folder"), st.sampled_from(FOLDERS), st.just(0), st.sampled_from(FOLDERS)),
    st.tuples(st.just("add"), st.sampled_from(("k", "d/k", "f/k", "n/k", "a/k")), st.integers(0, 3), st.just("")),
    st.tuples(st.just("mode"), st.sampled_from(NAMES), st.just(0), st.just("")),
    st.tuples(st.just("binary"), st.sampled_from(NAMES), st.integers(0, 3), st.just("")),
    st.tuples(st.just("attributes"), st.sampled_from(("", "d/", "f/", "n/")), st.integers(0, 1), st.sampled_from("*a")),
    st.tuples(st.just("link"), st.sampled_from(NAMES), st.integers(0, 3), st.just("")),
)
commits = st.lists(edits, min_size=0, max_size=3)
steps = st.lists(
    st.tuples(st.sampled_from(("amp", "amp", "amp", "hand", "base", "base", "merge", "pick")), commits),
    min_size=2,
    max_size=9,
)
"""Who commits what: amp or the user on the session's branch, others on the base, `merge` takes the base in, `pick` puts
the session's last commit on the base as well."""

Steps = list[tuple[str, list[tuple[str, str, int, str]]]]


def edited(files: Files, todo: list[tuple[str, str, int, str]]) -> Files:
    """Do the edits; what cannot be done is left out."""
    result = dict(files)
    for verb, name, number, word in todo:
        if verb == "move folder":
            inside = [path for path in result if path.startswith(f"{name}/")]
            for path in inside if not word.startswith(f"{name}/") else ():
                _put(result, word + path.removeprefix(name), result.pop(path))
        elif verb in ("add", "binary", "link"):
            mode = "120000" if verb == "link" else "100644"
            content = b"\0\1%d" % number if verb == "binary" else b"%d\n" % number * (1 if verb == "link" else 5)
            _put(result, name, (mode, content.strip() if verb == "link" else content))
        elif verb == "attributes":
            line = f"{word} {'merge=union' if number else '-merge'}\n"
            _put(result, f"{name}.gitattributes", ("100644", line.encode()))
        elif name in result:
            _change(result, verb, name, number, word)
    return result


def _change(files: Files, verb: str, name: str, number: int, word: str) -> None:
    mode, content = files[name]
    lines = content.splitlines(keepends=True)
    if verb == "delete" and len(files) > 1:
        del files[name]
    elif verb == "move":
        _put(files, word, files.pop(name))
    elif verb == "mode" and mode != "120000":
        files[name] = ("100755" if mode == "100644" else "100644", content)
    elif verb == "line" and number < len(lines) and mode != "120000":
        lines[number] = f"{word}\n".encode()
        files[name] = (mode, b"".join(lines))
    elif verb == "insert" and mode != "120000":
        files[name] = (mode, b"".join([*lines[:number], f"new {word}\n".encode(), *lines[number:]]))


def _put(files: Files, name: str, file: tuple[str, bytes]) -> None:
    """A file takes the place of what is above and below it."""
    for other in list(files):
        if other.startswith(f"{name}/") or name.startswith(f"{other}/"):
            del files[other]
    files[name] = file


@dataclass
class Builder:
    """Writes commits into a repository by `git fast-import` and plumbing."""

    root: Path
    clock: int = 1_700_000_000
    session: list[str] = field(default_factory=list)

    def git(self, *arguments: str, feed: bytes | None = None) -> bytes:
        return subprocess.run(["git", "-C", self.root, *arguments], input=feed, capture_output=True, check=True).stdout

    def commit(self, files: Files, parents: tuple[str, ...], subject: str) -> str:
        self.clock += 60
        message = subject.encode()
        who = b"Ada <ada@example.org>" if subject.startswith("amp:") else b"Bob <bob@example.org>"
        out = [b"commit refs/heads/scratch\n"]
        out += [b"author %s %d +0100\n" % (who, self.clock), b"committer %s %d +0000\n" % (who, self.clock)]
        out += [b"data %d\n%s\n" % (len(message), message)]
        out += [b"%s %s\n" % (b"merge" if number else b"from", one.encode()) for number, one in enumerate(parents)]
        out += [b"deleteall\n"]
        for path, (mode, content) in files.items():
            quoted = path.replace("\\", "\\\\").replace('"', '\\"').encode()
            out += [b'M %s inline "%s"\ndata %d\n%s\n' % (mode.encode(), quoted, len(content), content)]
        # Objects as loose files: reset first, so that the scratch branch may go anywhere.
        self.git("update-ref", "-d", "refs/heads/scratch")
        self.git("-c", "fastimport.unpackLimit=1000", "fast-import", "--quiet", "--force", feed=b"".join(out))
        return self.git("rev-parse", "refs/heads/scratch").decode().strip()

    def files(self, commit: str) -> Files:
        found: Files = {}
        for record in self.git("ls-tree", "-r", "-z", commit).decode().split("\0")[:-1]:
            words, _, path = record.partition("\t")
            mode, _, name = words.split(" ")
            found[path] = (mode, self.git("cat-file", "blob", name))
        return found

    def build(self, todo: Steps) -> tuple[str, str]:
        """The tips of the base and of the session."""
        base = session = self.commit(START, (), "Begin")
        on_base, in_session = dict(START), dict(START)
        last: list[tuple[str, str, int, str]] = []
        for number, (who, what) in enumerate(todo):
            if who in ("amp", "hand"):
                in_session, last = edited(in_session, what), what
                session = self.commit(
                    in_session, (session,), f"amp: step {number}" if who == "amp" else f"Step {number}"
                )
            elif who == "merge":
                if base == session:
                    continue
                answer = subprocess.run(
                    ["git", "-C", self.root, "merge-tree", "--write-tree", session, base],
                    capture_output=True,
                    check=False,
                )
                # Conflicts are committed as they lie there: a resolution like any other.
                in_session = self.files(answer.stdout.decode().split("\n")[0])
                session = self.commit(in_session, (session, base), f"Merge {number}")
            else:
                on_base = edited(on_base, last if who == "pick" else what)
                base = self.commit(on_base, (base,), f"Base {number}")
        return base, session
