"""The command diff: what a session changed, as a patch (on a terminal in colour and in a pager), a table or names.

The pager gets what is clean already. Which one: GIT_PAGER, git's core.pager, PAGER, else `less -R`, as git itself does;
an empty one or `cat` is none. What the repository's own configuration names is not run: amp may have written that.
Nothing here holds more than a few hundred thousand characters, however long a patch, a file or a line is.
"""

import base64
import codecs
import contextlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import AnyStr

import click

from ampsm_engine import redact
from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import Styled, clean
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ampsm_engine.engine.views import SessionDiff
    from ampsm_engine.git.attributes import PatchEncodings
    from ampsm_engine.git.entities import FileChange
    from ampsm_engine.redact.window import SafeStream

_LETTERS = {
    "added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T",
    "untracked": "?", "conflicted": "U",
}  # fmt: skip
DEFAULT_PAGER = "less -R"

_KEPT = 512 * 1024
"""Characters that a pipe and one piece hold: a shell that does not know the pager has taken in no more."""

_SHELL = re.compile(r"[|&;<>()$`\"'*?\[#~=%\\]")


@click.command(cls=Command, short_help="Show what a session changed.")
@parameters.session_argument
@click.option(
    "--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="What one iteration changed."
)
@click.option("--from", "old", metavar="REV", type=parameters.Revision(), help="From this commit, branch or tag.")
@click.option(
    "--to", "new", metavar="REV", type=parameters.Revision(), help="To this one. [default: the worktree as it is]"
)
@click.option("--uncommitted", is_flag=True, help="What is not committed yet.")
@click.option(
    "--since", metavar="looked", type=click.Choice(["looked"]), help="What changed since you last reviewed it."
)
@click.option("--all", "everywhere", is_flag=True, help="Of a session about a folder (new --in): all files.")
@click.option("--stat", is_flag=True, help="Only the files and how many lines.")
@click.option("--name-only", is_flag=True, help="Only the names of the files.")
@click.option("--no-pager", is_flag=True, help="On a terminal: write all of it, without a pager.")
@click.option("--exact", is_flag=True, help="The patch as it is, for `git apply`: nothing hidden or made visible.")
@parameters.json_option
def diff_command(
    reference: str,
    number: int | None,
    old: str | None,
    new: str | None,
    since: str | None,
    *,
    uncommitted: bool,
    everywhere: bool,
    stat: bool,
    name_only: bool,
    no_pager: bool,
    exact: bool,
    as_json: bool,
) -> int:
    """Show what a session changed since it left its base, untracked files included.

    Of a session about a folder it is what changed there, as in its review; a note says what changed elsewhere.

    Secrets are hidden and control characters made visible; a note on stderr says so where it happened. On a terminal
    it comes in colour and in your pager: GIT_PAGER, git's core.pager, PAGER, else less -R.

      ampsm diff dark
      ampsm diff dark --iteration 2 --stat
      ampsm diff dark --since looked
      ampsm diff dark --exact | git apply
    """
    _check(number, old, new, since, uncommitted=uncommitted, forms=(stat, name_only, exact))
    _check_exact(reference, exact=exact, as_json=as_json)
    from ampsm_engine.engine import views

    engine = engine_access.open_engine()
    session = engine_access.session(engine, reference)
    if since is None:
        view = views.diff(engine, session.id, iteration=number, old=old, new=new, uncommitted=uncommitted)
    else:
        from ampsm_engine.engine import reviews

        ends = reviews.resolve(engine, session.id, since)
        view = views.SessionDiff(Path(ends.worktree), ends.old, ends.new, session.folder)
    if everywhere:
        view = replace(view, folder="")
    elsewhere = _count_elsewhere(view, session.id) if view.folder else 0
    if not (as_json or stat or name_only):
        with contextlib.closing(view.patch()) as parts:
            if exact:
                for part in _first_awaited(parts):
                    output.untouched(part)
            else:
                _print_patch(parts, session.id, view.place, paged=not no_pager)
        return diagnostics.OK
    with diagnostics.working("Comparing"):
        files = tuple(filter(view.is_within, view.files()))
    if not files:
        diagnostics.note("No changes.")
    files = _without_secrets(files)
    if as_json:
        output.document({"sessionId": session.id, "elsewhere": elsewhere, **_document(view, files)})
    elif stat:
        _print_stat(files)
    else:
        output.write("".join(f"{clean(change.path)}\n" for change in files))
    return diagnostics.OK


def _count_elsewhere(view: "SessionDiff", session_id: str) -> int:
    """How many files changed outside of the folder of a session, which is said."""
    with diagnostics.working("Comparing"):
        count = sum(not view.is_within(change) for change in view.files())
    if count:
        diagnostics.note(f"{plural(count, 'file')} changed outside of {output.one_line(view.folder)}.")
        diagnostics.hint(f"ampsm diff {session_id} --all")
    return count


def _first_awaited(pieces: Iterator[AnyStr]) -> Iterator[AnyStr]:
    """The pieces, the first of which may take its time; a note where there is none."""
    with diagnostics.working("Comparing"):
        first = next(pieces, None)
    if first is None:
        diagnostics.note("No changes.")
        return iter(())
    return itertools.chain((first,), pieces)


def _check(
    number: int | None,
    old: str | None,
    new: str | None,
    since: str | None,
    *,
    uncommitted: bool,
    forms: tuple[bool, ...],
) -> None:
    if sum((number is not None, old is not None or new is not None, since is not None, uncommitted)) > 1:
        raise click.UsageError("Choose one of --iteration, --from/--to, --since and --uncommitted.")
    if sum(forms) > 1:
        raise click.UsageError("Choose one of --stat, --name-only and --exact.")


def _check_exact(reference: str, *, exact: bool, as_json: bool) -> None:
    if exact and as_json:
        raise click.UsageError("--exact is a patch, and no JSON.")
    if exact and sys.stdout.isatty():
        message = "--exact writes the bytes as they are, which are not for a terminal."
        raise Refused(message, f"ampsm diff {shlex.quote(reference)} --exact > change.patch")


def _without_secrets(files: "tuple[FileChange, ...]") -> "tuple[FileChange, ...]":
    """Changed files with the secrets in their names hidden, as in the patch."""
    from ampsm_engine import redact

    names = "\n".join(f"{change.path}\n{change.old_path or ''}" for change in files)
    if redact.text(names) == names:
        return files
    diagnostics.note("Secrets in the names of files are hidden.")
    return tuple(
        replace(change, path=redact.text(change.path), old_path=change.old_path and redact.text(change.old_path))
        for change in files
    )


def _document(view: "SessionDiff", files: "tuple[FileChange, ...]") -> documents.Document:
    return {
        "old": view.old,
        "new": view.new,
        "additions": sum(change.additions or 0 for change in files),
        "deletions": sum(change.deletions or 0 for change in files),
        "files": [_file_document(change) for change in files],
    }


def _file_document(change: "FileChange") -> documents.Document:
    """A file; beside a name that is not UTF-8 its bytes in base64: JSON has no other way to say them."""
    document: documents.Document = dict(documents.plain(change))  # type: ignore[call-overload]
    for key, name in (("path", change.path), ("oldPath", change.old_path)):
        raw = os.fsencode(name or "")
        text = raw.decode("utf-8", "replace")
        if name is not None and text != name:
            document |= {key: text, f"{key}Bytes": base64.b64encode(raw).decode()}
    return document


def _print_stat(files: "tuple[FileChange, ...]") -> None:
    from ampsm_engine.cli.tables import TableColumn, table

    if not files:
        return
    columns: tuple[TableColumn[FileChange], ...] = (
        TableColumn("", lambda one: _LETTERS.get(one.kind, "?")),
        TableColumn(
            "FILE",
            lambda one: one.path if one.old_path in (None, one.path) else f"{one.old_path} → {one.path}",
            least=12,
        ),
        TableColumn(
            "ADDED", lambda one: "binary" if one.binary else Styled(f"+{one.additions or 0}", "green"), right=True
        ),
        TableColumn("DELETED", lambda one: "" if one.binary else Styled(f"-{one.deletions or 0}", "red"), right=True),
    )
    table(columns, files)
    added = sum(change.additions or 0 for change in files)
    deleted = sum(change.deletions or 0 for change in files)
    output.line(f"{plural(len(files), 'file')}, +{added} -{deleted}")


def _print_patch(parts: Iterator[bytes], session_id: str, place: Path, *, paged: bool) -> None:
    patch = PatchText(place)
    is_terminal = sys.stdout.isatty()
    pieces = _first_awaited(patch.pieces(without_binaries(parts) if is_terminal else parts))
    if output.coloured():
        pieces = coloured(pieces)
    if is_terminal and paged and (command := chosen_pager(os.environ)):
        pieces = page(pieces, command)
    for piece in pieces:
        output.write(piece)
        output.flush()  # a reader has the first file before git has the last
    altered = []
    if patch.hides_secrets:
        altered.append("secrets are hidden")
    if patch.shows_encodings:
        altered.append("text in other encodings is shown in UTF-8")
    if patch.shows_pictures:
        altered.append("control characters and bytes that are no text are made visible")
    if altered:
        diagnostics.note(f"Not for `git apply`: {', '.join(altered)}.")
        diagnostics.hint(f"ampsm diff {session_id} --exact > change.patch")


def chosen_pager(environ: Mapping[str, str]) -> str:
    """The user's pager as a command; empty for none."""
    named = environ.get("GIT_PAGER")
    if named is None:
        named = _pager_of_git() or environ.get("PAGER")
    command = DEFAULT_PAGER if named is None else named.strip()
    return "" if command == "cat" else command


def _pager_of_git() -> str | None:
    from ampsm_engine.git import program

    for scope in ("--global", "--system"):
        answer = program.read(Path("/"), "config", scope, "--get", "core.pager")
        if answer.ok:
            return answer.line
    return None


def page(pieces: Iterator[str], command: str) -> Iterator[str]:
    """Show a text in a pager and wait until it ends. Only for a terminal.

    Answers what is left to be shown: all of it when there is no such program, else nothing.
    """
    words = ["/bin/sh", "-c", command] if _SHELL.search(command) else shlex.split(command)
    first = next(pieces, None)
    if first is None:
        return iter(())
    pieces = itertools.chain((first,), pieces)
    if not words:
        return pieces
    environ = {"LESS": "FRX", "LV": "-c"} | dict(os.environ)
    sys.stdout.flush()
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, env=environ)
    except OSError:
        return pieces
    with _interrupts_ignored():
        try:
            taken = _fed(process, pieces)
        finally:
            process.wait()
    return itertools.chain(taken, pieces) if process.returncode in (126, 127) else iter(())


def _fed(process: "subprocess.Popen[bytes]", pieces: Iterable[str]) -> list[str]:
    """Write the text to a pager as far as it reads; the first pieces, to be printed if it could not start."""
    taken: list[str] = []
    # It may leave before the end: the text was read as far as it was wanted.
    with contextlib.suppress(BrokenPipeError), process.stdin or contextlib.nullcontext() as pipe:
        for piece in pieces:
            if sum(map(len, taken)) < _KEPT:
                taken.append(piece)
            if pipe is not None:
                pipe.write(piece.encode("utf-8", "replace"))
                pipe.flush()
    return taken


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Leave Ctrl+C to the pager while it is open."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


HEADER = "\ndiff --git "
"""What begins a file's patch: no line of a content can look like it."""

LARGE = 512 * 1024
"""Characters of a file's patch that are looked through at once for secrets; a longer one is in windows."""

LONG = 64 * 1024
"""Characters of a line that are painted at once."""

BINARY = b"\nGIT binary patch\n"
"""What begins the content of a binary file, which ends with the next HEADER: no line of a text can look like it."""

_SIZE_LINES, _SIZE_LINE_ROOM = 2, 200
"""What of a binary content says how large it is: lines, and bytes."""

_NO_UTF8 = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as they are decoded."""

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_STYLES = {"+": "green", "-": "red"}


class PatchText:
    """Makes a patch fit to be shown, and knows afterwards in what it differs from what git gave.

    `worktree` has the attributes that say which encodings its files are in.
    """

    def __init__(self, worktree: Path | None = None) -> None:
        self._worktree = worktree
        self._encodings: PatchEncodings | None = None
        self.shows_encodings = False
        self.hides_secrets = False
        self.shows_pictures = False
        """Whether control characters, or bytes that are no text, were made visible."""

    def pieces(self, parts: Iterable[bytes]) -> Iterator[str]:
        """The patch as text, each file as soon as the next one begins."""
        for text in self._without_secrets(parts):
            shown = clean(text, lines=True)
            self.shows_pictures |= shown != text
            if shown:
                yield shown

    def _without_secrets(self, parts: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        held, stream = "", None
        for part in parts:
            held += decoder.decode(part)
            end = held.rfind(HEADER) + 1
            if end:
                yield self._redacted(self._readable(held[:end]), stream)
                held, stream = held[end:], None
            elif len(held) > LARGE:
                stream = stream or redact.stream()
                yield stream.feed(self._readable(held))
                held = ""
        yield self._redacted(self._readable(held + decoder.decode(b"", final=True)), stream)

    def _readable(self, text: str) -> str:
        """The text with its lines in UTF-8, in any encoding of their files."""
        if _NO_UTF8.search(text) is None:
            self._encodings = None  # what it knew is of a file that has ended
            return text
        if self._encodings is None:
            from ampsm_engine.git.attributes import PatchEncodings

            self._encodings = PatchEncodings(self._worktree)
        readable = self._encodings.read(text)
        self.shows_encodings |= readable != text
        shown = _NO_UTF8.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", readable)
        self.shows_pictures |= shown != readable
        return shown

    def _redacted(self, text: str, stream: "SafeStream | None") -> str:
        """The text that ends a file's patch, whose beginning may be in a stream."""
        if stream is not None:
            safe = stream.feed(text) + stream.finish()
            self.hides_secrets |= stream.found > 0
            return safe
        safe = redact.text(text)
        self.hides_secrets |= safe != text
        return safe


def without_binaries(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of a patch with the sizes of binary files in place of their contents: for a reader."""
    held, is_binary = b"", False
    for part in parts:
        held += part
        while (at := held.find(HEADER.encode() if is_binary else BINARY)) >= 0:
            if is_binary:
                held = held[at:]
            elif held.count(b"\n", at + len(BINARY)) < _SIZE_LINES:
                break  # the size is on its way
            else:
                yield held[: at + 1] + _size_line(held[at + len(BINARY) :])
                held = held[at + len(BINARY) :]
            is_binary = not is_binary
        kept = at if at >= 0 else max(len(held) - len(BINARY), 0)
        if kept and not is_binary:
            yield held[:kept]
        held = held[kept:]
    yield b"\n" if is_binary else held


def _size_line(body: bytes) -> bytes:
    """`binary, 12 bytes`, of the content as it is after the patch; `binary` where the patch does not say."""
    kind, count, first = (*body[:_SIZE_LINE_ROOM].replace(b"\n", b" ", 1).split(b" ", 2), b"", b"")[:3]
    if kind == b"literal" and count.isdigit():
        return b"binary, %d bytes" % int(count)
    try:
        # A delta begins with the sizes before and after, seven bits a byte, the lowest first.
        delta = iter(zlib.decompressobj().decompress(base64.b85decode(first.partition(b"\n")[0][1:])))
        sizes = [0, 0]
        for at in range(2):
            for place, byte in enumerate(delta):
                sizes[at] |= (byte & 0x7F) << 7 * place
                if byte < 0x80:
                    break
    except (ValueError, zlib.error):
        return b"binary"
    return b"binary, %d bytes" % sizes[1]


def coloured(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces of a patch with the colours of its lines."""
    painter = _PatchPainter()
    for piece in pieces:
        yield from filter(None, (painter.painted(piece),))
    yield from filter(None, (painter.rest(),))


class _PatchPainter:
    """Knows in which line of which hunk a patch is."""

    def __init__(self) -> None:
        self._old = self._new = 0
        """Lines of the two sides that the hunk still has."""
        self._begun = ""
        self._style: str | None = None
        """The style of a line whose beginning is painted already; None at a line's beginning."""

    def painted(self, piece: str) -> str:
        *lines, self._begun = (self._begun + piece).split("\n")
        done = [f"{self._line(line)}\n" for line in lines]
        if len(self._begun) > LONG:
            style = self._style if self._style is not None else self._style_of(self._begun)
            done.append(output.styled(Styled(self._begun, style)))
            self._begun, self._style = "", style
        return "".join(done)

    def rest(self) -> str:
        return f"{self._line(self._begun)}\n" if self._begun else ""

    def _line(self, line: str) -> str:
        style, self._style = self._style, None
        return output.styled(Styled(line, self._style_of(line) if style is None else style))

    def _style_of(self, line: str) -> str:
        if self._old > 0 or self._new > 0:
            if line[:1] != "\\":  # which says that the line before has no end: it is no line itself
                self._old -= line[:1] != "+"
                self._new -= line[:1] != "-"
            return _STYLES.get(line[:1], "")
        if header := _HUNK.match(line):
            self._old, self._new = (1 if count is None else int(count) for count in header.groups())
            return "cyan"
        return "" if line[:1] == "\\" else "bold"
