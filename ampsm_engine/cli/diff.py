"""The command diff: what a session changed, as a patch (on a terminal in colour and in a pager), a table or names.

The pager gets what is clean already. Which one: GIT_PAGER, git's core.pager, PAGER, else `less -R`, as git itself does;
an empty one or `cat` is none. What the repository's own configuration names is not run: amp may have written that.
"""

import base64
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from ampsm_engine.cli import arguments, diagnostics, documents, output
from ampsm_engine.cli.output import Styled, clean
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Refused
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ampsm_engine.engine.views import SessionDiff
    from ampsm_engine.git.entities import FileChange

_LETTERS = {
    "added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T",
    "untracked": "?", "conflicted": "U",
}  # fmt: skip
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_STYLES = {"+": "green", "-": "red"}

DEFAULT_PAGER = "less -R"

_SHELL = re.compile(r"[|&;<>()$`\"'*?\[#~=%\\]")


@click.command(cls=Command, short_help="Show what a session changed.")
@arguments.session_argument
@click.option(
    "--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="What one iteration changed."
)
@click.option("--from", "old", metavar="REV", type=arguments.TEXT, help="From this commit, branch or tag.")
@click.option("--to", "new", metavar="REV", type=arguments.TEXT, help="To this one. [default: the worktree as it is]")
@click.option("--uncommitted", is_flag=True, help="What is not committed yet.")
@click.option("--stat", is_flag=True, help="Only the files and how many lines.")
@click.option("--name-only", is_flag=True, help="Only the names of the files.")
@click.option("--no-pager", is_flag=True, help="On a terminal: write all of it, without a pager.")
@click.option("--exact", is_flag=True, help="The patch as it is, for `git apply`: nothing hidden or made visible.")
@arguments.json_option
def diff_command(
    reference: str,
    number: int | None,
    old: str | None,
    new: str | None,
    *,
    uncommitted: bool,
    stat: bool,
    name_only: bool,
    no_pager: bool,
    exact: bool,
    as_json: bool,
) -> int:
    """Show what a session changed since it left its base, untracked files included.

    Secrets are hidden and control characters made visible; a note on stderr says so where it happened. On a terminal
    it comes in colour and in your pager: GIT_PAGER, git's core.pager, PAGER, else less -R.

      ampsm diff dark
      ampsm diff dark --iteration 2 --stat
      ampsm diff dark --exact | git apply
    """
    _check(number, old, new, uncommitted=uncommitted, forms=(stat, name_only, exact))
    _check_exact(reference, exact=exact, as_json=as_json)
    from ampsm_engine.engine import views

    engine = arguments.open_engine()
    session = arguments.session(engine, reference)
    with diagnostics.working("Comparing"):
        view = views.diff(engine, session.id, iteration=number, old=old, new=new, uncommitted=uncommitted)
    if not view.files:
        diagnostics.note("No changes.")
    if exact:
        output.untouched(view.patch)
        return diagnostics.OK
    view = _without_secrets(view)
    if as_json:
        output.document({"sessionId": session.id, **_document(view)})
    elif stat:
        _print_stat(view)
    elif name_only:
        output.write("".join(f"{clean(change.path)}\n" for change in view.files))
    else:
        _print_patch(view.patch, session.id, paged=not no_pager)
    return diagnostics.OK


def _check(number: int | None, old: str | None, new: str | None, *, uncommitted: bool, forms: tuple[bool, ...]) -> None:
    if sum((number is not None, old is not None or new is not None, uncommitted)) > 1:
        raise click.UsageError("Choose one of --iteration, --from/--to and --uncommitted.")
    if sum(forms) > 1:
        raise click.UsageError("Choose one of --stat, --name-only and --exact.")


def _check_exact(reference: str, *, exact: bool, as_json: bool) -> None:
    if exact and as_json:
        raise click.UsageError("--exact is a patch, and no JSON.")
    if exact and sys.stdout.isatty():
        message = "--exact writes the bytes as they are, which are not for a terminal."
        raise Refused(message, f"ampsm diff {reference} --exact > change.patch")


def _without_secrets(view: "SessionDiff") -> "SessionDiff":
    """A diff with the secrets in the names of its files hidden, as in the patch."""
    from ampsm_engine import redact

    names = "\n".join(f"{change.path}\n{change.old_path or ''}" for change in view.files)
    if redact.text(names) == names:
        return view
    files = tuple(
        replace(change, path=redact.text(change.path), old_path=change.old_path and redact.text(change.old_path))
        for change in view.files
    )
    diagnostics.note("Secrets in the names of files are hidden.")
    return replace(view, files=files)


def _document(view: "SessionDiff") -> documents.Document:
    return {
        "old": view.old,
        "new": view.new,
        "additions": sum(change.additions or 0 for change in view.files),
        "deletions": sum(change.deletions or 0 for change in view.files),
        "files": [_file_document(change) for change in view.files],
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


def _print_stat(view: "SessionDiff") -> None:
    from ampsm_engine.cli.tables import TableColumn, table

    if not view.files:
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
    table(columns, view.files)
    added = sum(change.additions or 0 for change in view.files)
    deleted = sum(change.deletions or 0 for change in view.files)
    output.line(f"{plural(len(view.files), 'file')}, +{added} -{deleted}")


def _print_patch(patch: bytes, session_id: str, *, paged: bool) -> None:
    from ampsm_engine import redact

    text = patch.decode("utf-8", "replace")
    safe = redact.text(text)
    shown = clean(safe, lines=True)
    if sys.stdout.isatty():
        _show(shown, paged=paged)
    else:
        output.write(shown)
    output.flush()
    altered = []
    if safe != text:
        altered.append("secrets are hidden")
    if shown != safe or text.encode("utf-8") != patch:
        altered.append("control characters and bytes that are no text are made visible")
    if altered:
        diagnostics.note(f"Not for `git apply`: {', '.join(altered)}.")
        diagnostics.hint(f"ampsm diff {session_id} --exact > change.patch")


def _show(shown: str, *, paged: bool) -> None:
    """On a terminal: in colour where that is wanted, and in the user's pager."""
    text = output.styled(_coloured(shown)) if output.coloured() else shown
    command = chosen_pager(os.environ) if paged else ""
    if not (text and command and page(text, command)):
        output.write(text)


def _coloured(text: str) -> Iterator[Styled]:
    """The lines of a patch with their styles."""
    old = new = 0
    for line in text.removesuffix("\n").split("\n") if text else ():
        if old > 0 or new > 0:
            old -= line[:1] != "+"
            new -= line[:1] != "-"
            if line[:1] == "\\":  # says that the line before has no end: it is no line itself
                old, new = old + 1, new + 1
            yield Styled(line, _STYLES.get(line[:1], ""))
        elif header := _HUNK.match(line):
            old, new = (1 if count is None else int(count) for count in header.groups())
            yield Styled(line, "cyan")
        else:
            yield Styled(line, "" if line[:1] == "\\" else "bold")


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


def page(text: str, command: str) -> bool:
    """Show a text in a pager and wait until it ends; False when there is no such program. Only for a terminal."""
    words = ["/bin/sh", "-c", command] if _SHELL.search(command) else shlex.split(command)
    if not words:
        return False
    environ = {"LESS": "FRX", "LV": "-c"} | dict(os.environ)
    sys.stdout.flush()
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, env=environ)
    except OSError:
        return False
    with _interrupts_ignored():
        with contextlib.suppress(BrokenPipeError):  # left before the end: it was read as far as it was wanted
            process.communicate(text.encode("utf-8", "replace"))
        process.wait()
    return process.returncode not in (126, 127)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Leave Ctrl+C to the pager while it is open."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
