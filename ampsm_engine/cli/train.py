"""Several sessions at once: `merge --train`, `check` and `radar`."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters, tables
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Refused
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.merging.compatibility import Compatibility, Culprit, GuiltyLines
    from ampsm_engine.merging.forecast import Radar, RadarPair
    from ampsm_engine.merging.results import Options
    from ampsm_engine.merging.train import TrainResult

TICK = 1.0
"""Seconds between two looks whether anything was written to the store."""

BY_HAND = 30.0
"""Seconds between two looks for commits that were made by hand."""

_NO_TRAIN = {
    "messages": "-m (each message is drafted from what the session did)",
    "push": "--push",
    "pull_request": "--pr",
    "patch": "--export-patch",
    "go_on": "--continue",
    "abort": "--abort",
    "undo": "--undo",
    "amp": "--amp",
    "show": "--show",
    "reject": "--reject",
    "accept": "--accept",
    "keep_markers": "--keep-markers",
}
"""Options of `merge` that are for one session, as a message names them."""


def refuse_options(given: dict[str, Any], script: str | None) -> None:
    """Wrong usage when one of these options of `merge` is for one session alone, or the script is empty."""
    _refuse_empty(script)
    for name, told in _NO_TRAIN.items():
        if given[name]:
            raise click.UsageError(f"{told} is for one session, and not for --train.")


def _refuse_empty(script: str | None) -> None:
    if script is not None and not script.strip():
        raise click.UsageError("The script is empty.")


def run_train(references: Sequence[str], options: "Options", *, script: str | None, yes: bool, as_json: bool) -> int:
    """Do what `ampsm merge A B C --train` asks for; the exit code."""
    engine = engine_access.open_engine()
    sessions = [engine_access.target(engine, one) for one in references]
    from ampsm_engine.lean_dataclass import replace
    from ampsm_engine.merging import train

    ids = [session.id for session in sessions]
    again = _command(ids, options, script)

    def attempt(answered: tuple[str, ...]) -> "TrainResult":
        with _interruptible():
            chosen = replace(options, answered=answered)
            return train.run(engine, ids, chosen, script=script or "", again=again, report=_report)

    result = diagnostics.answering(attempt, yes=yes)
    if as_json:
        output.document({"train": _train_document(engine, result)})
    else:
        _print_train(engine, result)
    return _train_code(result)


def _command(ids: Sequence[str], options: "Options", script: str | None) -> str:
    words = ["ampsm", "merge", *ids, "--train"]
    words += ["--script", script] if script else []
    words += ["--onto", options.onto] if options.onto else []
    words += ["--manual", options.manual] if options.manual != "include" else []
    words += [] if options.squash else ["--no-squash"]
    words += [] if options.fast_forward else ["--no-ff"]
    return shlex.join(words)


def _report(text: str) -> None:
    diagnostics.note(one_line(text))


@contextmanager
def _interruptible() -> Iterator[None]:
    with diagnostics.interruptible("What has landed stays; the same command goes on with the others."):
        yield


def _train_code(result: "TrainResult") -> int:
    reasons = {one.why for one in result.aside}
    if "script" in reasons:
        return diagnostics.FAILED
    return diagnostics.REFUSED if reasons & {"conflict", "refused"} else diagnostics.OK


def _train_document(engine: "Engine", result: "TrainResult") -> documents.Document:
    names = {one.session_id: engine.store.sessions.get(one.session_id).name for one in result.landed}
    return {
        "target": result.target,
        "baseBefore": result.base_before,
        "baseAfter": result.base_after,
        "scripts": list(result.scripts),
        "runs": result.runs,
        "extraRuns": result.extra_runs,
        "landed": [
            {"sessionId": one.session_id, "name": names[one.session_id], "merge": documents.merge_document(one)}
            for one in result.landed
        ],
        "setAside": [
            {
                "sessionId": one.session.id,
                "name": one.session.name,
                "why": one.why,
                "reason": one.reason,
                "hint": one.hint,
                "files": list(one.files),
                "log": one.log or None,
            }
            for one in result.aside
        ],
    }


def _print_train(engine: "Engine", result: "TrainResult") -> None:
    from ampsm_engine.merging import trial

    target = one_line(result.target)
    for entry in result.landed:
        name = one_line(engine.store.sessions.get(entry.session_id).name)
        span = f"{entry.base_before[:12]}..{entry.base_after[:12]}"
        output.line(Styled("✓", "green"), f" {name}  ", Styled(span, "dim"))
    for one in result.aside:
        mark = Styled("·", "dim") if one.why == "nothing" else Styled("✗", "red")
        output.line(mark, f" {one_line(one.session.name)}  {one_line(one.reason)}")
        for line in trial.last_lines(one.log):
            output.line(Styled(f"    {line}", "dim"))
        if one.hint:
            diagnostics.hint(one_line(one.hint))
    many, runs = plural(len(result.landed), "session"), plural(result.runs, "run")
    if result.landed:
        output.line(f"{target} has {many} more ({result.base_before[:12]}..{result.base_after[:12]}), after {runs}.")
        last = result.landed[-1].session_id
        diagnostics.hint(f"ampsm merge {last} --undo takes the last one back")
    else:
        output.line(f"{target} stays where it is, after {runs}.")


@click.command(cls=Command, short_help="Find out whether what is ready works together.")
@click.argument("references", metavar="[SESSION]...", nargs=-1, type=parameters.SessionReference())
@click.option("--all", "everything", is_flag=True, help="All sessions that could be merged as they are.")
@click.option("--repo", metavar="P", type=parameters.FOLDER, help="With --all: only of this repository.")
@click.option("--script", metavar="CMD", type=parameters.TEXT, help="Judge by this, not by their own scripts.")
@click.option("--again", is_flag=True, help="Run the script even where the answer is known.")
@parameters.json_option
def check_command(
    references: tuple[str, ...],
    *,
    everything: bool,
    repo: "Path | None",
    script: str | None,
    again: bool,
    as_json: bool,
) -> int:
    """Put all sessions that are ready onto their base, and run the script on the whole. Nothing is merged.

    Where it fails, the session at fault is named, with the one that it does not go with, and the lines of both. An
    order of merges is proposed. The answer is kept until a session or the base has another commit.

      ampsm check --all
      ampsm check dark login

    The exit code is 0 when all go together, 1 when the script says no, 4 when two of them conflict.
    """
    if bool(references) == everything:
        raise click.UsageError("Name sessions, or give --all.")
    if repo is not None and not everything:
        raise click.UsageError("--repo goes with --all.")
    _refuse_empty(script)

    engine = engine_access.open_engine()
    sessions = _chosen(engine, references, repo)
    answers, refused_groups = _answers(engine, sessions, script or "", again=again)
    if refused_groups and not answers:
        raise refused_groups[0][1]
    names = {session.id: session.name for session in sessions}
    told = [{"repoRoot": root, "message": reason.message, "hint": reason.hint} for root, reason in refused_groups]
    if as_json:
        output.document({"checks": [_check_document(answer) for answer in answers], "refused": told})
    else:
        for answer in answers:
            _print_check(answer, names)
        if not answers:
            output.line("No session has work that its base does not have.")
        for root, reason in refused_groups:
            diagnostics.warning(f"{one_line(root)}: {one_line(reason.message)}")
            diagnostics.hint(one_line(reason.hint))
    if any(answer.culprits for answer in answers):
        return diagnostics.FAILED
    named_out = bool(references) and any(answer.left_out for answer in answers)
    refused = named_out or refused_groups or any(answer.conflicts for answer in answers)
    return diagnostics.REFUSED if refused else diagnostics.OK


def _answers(
    engine: "Engine", sessions: Sequence[Session], script: str, *, again: bool
) -> "tuple[list[Compatibility], list[tuple[str, Refused]]]":
    """The answer about each repository and base, asked for where it is not known; and the repositories without one.

    What one repository lacks (a script, a base that passes) keeps no other from its answer.
    """
    from ampsm_engine.merging import compatibility

    with diagnostics.working("Looking at the sessions"):
        groups = compatibility.ready_groups(engine, sessions)
    found: list[Compatibility] = []
    refused: list[tuple[str, Refused]] = []
    for group in groups:
        try:
            known = compatibility.unasked(group) if not group.candidates else None
            if known is None and not again:
                known = compatibility.kept_answer(engine, group, script)
            if known is None:
                with diagnostics.interruptible("Nothing was changed."):
                    known = compatibility.check(engine, group, script=script, fresh=again, report=_report)
            found.append(known)
        except Refused as reason:
            refused.append((str(group.repo_root), reason))
    return found, refused


def _chosen(engine: "Engine", references: Sequence[str], repo: "Path | None") -> tuple[Session, ...]:
    if references:
        return tuple({one.id: one for one in (engine_access.session(engine, name) for name in references)}.values())
    root = engine_access.repository_root(engine, repo)
    from ampsm_engine.merging import compatibility

    with diagnostics.working("Looking at the sessions"):
        return compatibility.with_work(engine, root)


def _check_document(answer: "Compatibility") -> documents.Document:
    plain: Any = documents.plain(answer)
    tips = [{"sessionId": one, "commit": tip} for one, tip in answer.tips]
    return {**plain, "tips": tips, "isGood": answer.is_good}


def _print_check(answer: "Compatibility", names: dict[str, str]) -> None:
    named = {one: one_line(name) for one, name in names.items()}
    target = one_line(answer.target)
    many, verb = plural(len(answer.order), "session"), "passes" if len(answer.order) == 1 else "pass"
    if answer.is_good and answer.order:
        output.line(Styled("✓", "green"), f" {many} {verb} together on {target} at {answer.base[:12]}")
    elif answer.order:
        output.line(
            Styled("·", "yellow"),
            f" {len(answer.order)} of {plural(len(answer.tips), 'session')} pass together on {target}",
        )
    elif answer.checked_at:
        output.line(Styled("✗", "red"), f" nothing of {plural(len(answer.tips), 'session')} passes on {target}")
    for culprit in answer.culprits:
        _print_culprit(culprit, named)
    for one in answer.conflicts:
        output.line(Styled("✗", "red"), f" {named[one.session_id]}  {one_line(one.reason)}")
    for one in answer.left_out:
        output.line(Styled("·", "dim"), f" {named[one.session_id]}  not ready: {one_line(one.reason)}")
    if answer.order:
        diagnostics.note(f"Found out at {answer.checked_at} with {plural(answer.runs, 'run')}.")
        way = " --train" if len(answer.order) > 1 else " -m MESSAGE"
        diagnostics.hint(f"ampsm merge {' '.join(answer.order)}{way}")


def _print_culprit(culprit: "Culprit", named: dict[str, str]) -> None:
    from ampsm_engine.merging import trial

    one = named[culprit.session_id]
    if not culprit.partner:
        text = f" {one}  {one_line(culprit.reason)} with it alone"
    elif culprit.is_pair:
        text = f" {one} ≠ {named[culprit.partner]}  {one_line(culprit.reason)} with both"
    else:
        text = f" {one} ≠ {named[culprit.partner]}  {one_line(culprit.reason)} with both, and others besides"
    output.line(Styled("✗", "red"), text)
    for name, lines in ((one, culprit.lines), (named.get(culprit.partner, ""), culprit.partner_lines)):
        if lines is not None:
            _print_lines(name, lines)
    for line in trial.last_lines(culprit.log, 6):
        output.line(Styled(f"    {line}", "dim"))


def _print_lines(name: str, lines: "GuiltyLines") -> None:
    at = f":{lines.line}" if lines.line else ""
    output.line(f"    {name}: {one_line(lines.path)}{at}")
    for line in lines.lines:
        output.line(Styled(f"      + {line}", "green"))


@click.command(cls=Command, short_help="Show which sessions' changes overlap, and in how many places.")
@click.option("--repo", metavar="P", type=parameters.FOLDER, help="Only of this repository.")
@click.option("--watch", "-w", is_flag=True, help="Go on until Ctrl-C; with --json a line for each change.")
@parameters.json_option
def radar_command(repo: "Path | None", *, watch: bool, as_json: bool) -> int:
    """Show the sessions as a matrix: in how many places the changes of each two would conflict. Nothing is changed.

    A number counts hunks that overlap; two sessions that change the same file elsewhere do not overlap. The first
    column is the base. What is not committed does not count.

      ampsm radar
      ampsm radar --watch
      ampsm radar --json --watch
    """
    engine = engine_access.open_engine()
    root = engine_access.repository_root(engine, repo)
    from ampsm_engine.merging import forecast

    if not watch:
        with diagnostics.working("Merging on trial"):
            found = forecast.radar(engine, repo_root=root)
        if as_json:
            output.document(_radar_document(found))
        else:
            _print_radar(found)
        return diagnostics.OK
    engine.store.retry_reads(diagnostics.warn_of_store)
    _watch(engine, lambda: forecast.radar(engine, repo_root=root), as_json=as_json)
    return diagnostics.OK


def _watch(engine: "Engine", look: "Callable[[], Radar]", *, as_json: bool) -> None:
    """Show the radar whenever it is another one, for ever."""
    shown: Radar | None = None
    while True:
        version, until = engine.store.data_version(), time.monotonic() + BY_HAND
        found = look()
        if found != shown:
            if as_json:
                output.record({"version": output.VERSION, **_radar_document(found)})
            else:
                if shown is not None:
                    output.line()
                _print_radar(found)
                output.flush()
            shown = found
        while engine.store.data_version() == version and time.monotonic() < until:
            time.sleep(TICK)


def _radar_document(found: "Radar") -> documents.Document:
    return {
        "sessions": [
            {"sessionId": one.id, "name": one.name, "repoRoot": one.repo_root, "baseBranch": one.base_branch}
            for one in found.sessions
        ],
        "pairs": [
            {
                "sessionId": pair.session_id,
                "other": pair.other or None,
                "hunks": pair.hunks,
                "files": [
                    {
                        "path": file.path,
                        "kind": file.kind,
                        "hunks": file.hunks,
                        "lines": [{"session": mine, "other": other} for mine, other in file.lines],
                    }
                    for file in pair.files
                ],
            }
            for pair in found.pairs
        ],
        "pending": found.pending,
    }


def _print_radar(found: "Radar") -> None:
    """Write a matrix for each repository and base, and below it where each two overlap."""
    from itertools import groupby

    if not found.sessions:
        output.line("No session has work that its base does not have.")
    for (root, base), group in groupby(found.sessions, key=lambda one: (one.repo_root, one.base_branch)):
        sessions = list(group)
        ids = {one.id for one in sessions}
        output.line(Styled(f"{one_line(root)} · {one_line(base)}", "bold"))
        _print_matrix(sessions, [pair for pair in found.pairs if pair.session_id in ids])
    if found.pending:
        diagnostics.note(f"{plural(found.pending, 'question')} are open yet.")


def _print_matrix(sessions: Sequence[Session], pairs: "Sequence[RadarPair]") -> None:
    from ampsm_engine.merging import forecast

    known = forecast.counts(pairs)
    number = {one.id: str(place) for place, one in enumerate(sessions, 1)}
    widest = max(2, len(str(len(sessions))), *(len(str(count)) for count in known.values()), 0)
    longest = min(max(tables.width(one_line(one.name)) for one in sessions), 24)
    head = [f"{'base':>5}", *(f"{number[one.id]:>{widest + 1}}" for one in sessions)]
    output.line(Styled(f"{'':{longest + 4}}{''.join(head)}", "dim"))
    for one in sessions:
        name = tables.cut(one_line(one.name), longest)
        cells: list[str | Styled] = [f"{number[one.id]:>3} {name}{' ' * (longest - tables.width(name))}"]
        cells.append(_cell(known.get((one.id, ""), 0), 5))
        for other in sessions:
            if other.id == one.id:
                cells.append(Styled(f"{'-':>{widest + 1}}", "dim"))
            else:
                cells.append(_cell(known.get((one.id, other.id), 0), widest + 1))
        output.line(*cells)
    for pair in pairs:
        side = number[pair.other] if pair.other else "base"
        for file in pair.files:
            lines = ", ".join(f"{mine}/{theirs}" for mine, theirs in file.lines[:4])
            more = ", …" if len(file.lines) > len(file.lines[:4]) else ""
            where = f"lines {lines}{more}" if lines else file.kind
            output.line(f"  {number[pair.session_id]} ≠ {side}  {one_line(file.path)}  ", Styled(where, "dim"))


def _cell(count: int, width: int) -> Styled:
    return Styled(f"{count or '·':>{width}}", "red" if count else "dim")
