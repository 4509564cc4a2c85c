"""Preflight: everything that can be told before anything happens, each finding with what to do; and the plan in words.

Reads only, but for two things that are asked for: a fetch, and a run of the session's script.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple, assert_never

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes, fetching, hooks, own_files, program, repository
from ampsm_engine.git.integrate import commit_range, incoming, rewrite
from ampsm_engine.git.integrate.incoming import READ, Change, change_of, search_incoming
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import ConflictFile, PlannedCommit
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging import situation
from ampsm_engine.merging.results import Finding, MergePreview, Options, PlannedStep, Preflight, ScriptState
from ampsm_engine.merging.situation import SessionSpan, Situation
from ampsm_engine.model import SCRIPT_CHANGED, ScriptResult
from ampsm_engine.plain_text import list_some, plural, printable
from ampsm_engine.worker.commit_message import whole_subject

FETCH_LIMIT = 300.0
"""Seconds that a fetch may take."""

CHECKED = "checked"
"""The kind of the fact that says what a script said about a very commit: `<commit> pass`, `<commit> fail`."""

SUBJECT = 72

LISTED = 40
"""Commits that a draft names."""

_LEAST_TITLE = 16
_CLAUSE_END = re.compile(
    r"[,;:](?=\s)|\s[-\u2013\u2014(]|\s(?=(?:and|so that|because|which|but|when|while|instead of|as well as)\s)"
)


class Ran(NamedTuple):
    """What the session's script said just now, and what to tell of it."""

    passed: bool
    text: str


Script = Callable[[], Ran]


def preflight(
    engine: Engine, session_id: str, *, onto: str = "", fetch: bool = False, script: Script | None = None
) -> Preflight:
    """Look at everything. `script` runs the session's script, where no result is known for this very commit."""
    now = situation.look(engine.store, session_id, onto)
    fetched = tuple(_fetched(now)) if fetch else ()
    if fetch:
        now = situation.look(engine.store, session_id, onto)
    findings = [*situation.obstacles(engine.store, now), *fetched]
    related = bool(commit_range.merge_bases(now.root, now.base_tip, now.branch_tip))
    commits: tuple[PlannedCommit, ...] = ()
    conflicts: tuple[ConflictFile, ...] = ()
    said: ScriptState = "not run" if now.session.script_command else "none"
    ahead = behind = 0
    if related:
        objects = ObjectStore(now.root, now.repo)
        span = situation.span(engine.store, now, objects)
        commits = situation.described(objects, now, {commit.sha for commit in span.commits})
        now = replace(now, start=span.start)
        ahead, behind = changes.ahead_behind(now.root, now.branch_tip, now.base_tip)
        conflicts = rewrite.forecast(now.root, now.base_tip, now.branch_tip, span.start).conflicts
        findings += [*situation.held(now), *situation.in_the_way(now), *_upstream(now), *_commits(now, span, behind)]
        findings += _comments(engine, now)
        is_blocked = any(one.kind in ("session", "worktree") and one.level == "stop" for one in findings)
        said = _script_state(engine, now, None if is_blocked else script)
        was_left_out = is_blocked and script is not None
        findings += [*_left_out(now), *_hooks(engine, now), *_submodules(now)]
        findings += [_script(now, said, was_left_out=was_left_out), *_conflicts(now, conflicts)]
        findings += _incoming(now, span, objects)
    return Preflight(
        session_id,
        now.target,
        now.base_tip,
        now.branch_tip,
        ahead,
        behind,
        commits,
        conflicts,
        tuple(findings),
        said,
    )


def _upstream_of(now: Situation) -> tuple[str, str] | None:
    """The target's upstream: the remote and the short name of its tracking branch."""
    wanted = "--format=%(upstream:remotename)%00%(upstream:short)"
    line = program.read(now.root, "for-each-ref", wanted, f"{repository.BRANCHES}{now.target}").line
    remote, _, short = line.partition("\0")
    return (remote, short) if remote and short else None


def _fetched(now: Situation) -> Iterator[Finding]:
    upstream = _upstream_of(now) if now.is_branch else None
    remote = upstream[0] if upstream else now.target.partition("/")[0]
    if not upstream and (now.is_branch or not program.read(now.root, "remote", "get-url", remote).ok):
        yield Finding("fetch", "ok", f"{now.target} follows no remote branch: nothing to fetch")
        return
    answer = fetching.fetch(now.root, "--quiet", "--no-tags", "--", remote, limit=FETCH_LIMIT)
    if answer.ok:
        yield Finding("fetch", "ok", f"{remote} was fetched")
    else:
        text = f"{remote} could not be fetched: {redact.text(answer.reason)}"
        yield Finding("fetch", "warn", text, f"git -C {now.root} fetch {remote}")


def _upstream(now: Situation) -> Iterator[Finding]:
    upstream = _upstream_of(now) if now.is_branch else None
    if upstream is None:
        return
    name = upstream[1]
    try:
        ours, theirs = changes.ahead_behind(now.root, now.base_tip, f"refs/remotes/{name}")
    except AmpsmError:
        text = f"{name}, which {now.target} follows, is not there any more"
        yield Finding("upstream", "warn", text, f"git -C {now.root} branch --unset-upstream {now.target}")
        return
    if not theirs:
        text = f"{now.target} has all of {name}" + (f", and {plural(ours, 'commit')} more" if ours else "")
        yield Finding("upstream", "ok", text)
    elif not ours:
        text = f"{now.target} is {plural(theirs, 'commit')} behind {name}"
        yield Finding("upstream", "warn", text, f"git -C {now.root} fetch . {name}:{now.target}, or git pull on it")
    else:
        text = f"{now.target} and {name} have gone different ways: {ours} here, {theirs} there (was it force-pushed?)"
        yield Finding("upstream", "warn", text, f"git -C {now.root} log --oneline --left-right {now.target}...{name}")


def _commits(now: Situation, span: SessionSpan, behind: int) -> Iterator[Finding]:
    commits = span.commits
    if not commits:
        own = "of its own " if span.stays else ""
        text = f"{now.session.name} has no commit {own}that {now.target} does not have."
        yield Finding("commits", "stop", text, f'ampsm iterate {now.session.id} "PROMPT"')
        return
    by_hand = sum(not commit.ours and not commit.merge for commit in commits)
    merges = sum(commit.merge for commit in commits)
    parts = [f"{len(commits) - by_hand - merges} by amp", f"{by_hand} by hand"]
    parts += [plural(merges, "merge")] if merges else []
    others = plural(behind, "other")
    text = f"{plural(len(commits), 'commit')} to bring in ({', '.join(parts)}); {now.target} has {others} since"
    hint = "--manual keep leaves commits by hand as commits of their own" if by_hand else ""
    yield Finding("commits", "ok", text, hint)
    if span.stays:
        verb = "stays" if len(span.stays) == 1 else "stay"
        text = f"{plural(len(span.stays), 'commit')} from before the session began {verb} out of {now.target}"
        yield Finding("span", "ok", f"{text}: {situation.named_commits(span.stays)}")
    if coming := situation.coming(now, span.strangers):
        text = f"{len(coming)} of them {'is' if len(coming) == 1 else 'are'} not the session's own"
        text += f": {situation.named_commits(coming)}"
        yield Finding("others", "warn", text, "they come along when you say yes: a merge asks, or takes --yes")


def _left_out(now: Situation) -> Iterator[Finding]:
    """What is ampsm's own in the commits, and stays out of a merge."""
    names = own_files.committed(now.root, now.fork, now.branch_tip, now.base_tip)
    if names:
        text = f"{list_some(names)}: committed in the session, but ampsm's own, and not part of a merge"
        yield Finding("left-out", "warn", text)


def _submodules(now: Situation) -> Iterator[Finding]:
    """Commits of submodules that are in no remote of the submodule."""
    links = incoming.unpublished_submodules(now.root, now.worktree, now.fork, now.branch_tip)
    if links:
        names = [str(link) for link in links]
        text = f"{list_some(names)}: a commit that is in no remote of the submodule, only in this session's worktree"
        hint = f"git -C {now.worktree / links[0].path} push origin {links[0].commit}:refs/heads/NAME"
        yield Finding("submodules", "warn", text, f"{hint}. A merge asks, or takes --yes")


def _hooks(engine: Engine, now: Situation) -> Iterator[Finding]:
    missing = hooks.missing(now.worktree, now.root) if now.worktree.is_dir() else None
    if missing and engine.settings.switch("commit.hooks"):
        yield Finding("hooks", "warn", missing)


def _script_state(engine: Engine, now: Situation, script: Script | None) -> ScriptState:
    """What the script says about this very commit; it runs where that is not known."""
    if not now.session.script_command:
        return "none"
    known = result_of(engine, now)
    if known is None and script is not None:
        known = script().passed
        _record_result(engine, now, passed=known)
    return "not run" if known is None else "passed" if known else "failed"


def _comments(engine: Engine, now: Situation) -> Iterator[Finding]:
    """Comments of a review that amp has not got: a merge leaves them behind."""
    if count := engine.store.reviews.counts(now.session.id).unsent:
        was = "was" if count == 1 else "were"
        text = f"{plural(count, 'comment')} of a review {was} not sent to amp"
        yield Finding("comments", "warn", text, f"ampsm comments {now.session.id} --send")


def _script(now: Situation, said: ScriptState, *, was_left_out: bool) -> Finding:
    session, at = now.session, now.branch_tip[:12]
    match said:
        case "none":
            hint = f"ampsm edit {session.id} --script 'make test'"
            return Finding("script", "ok", "the session has no script", hint)
        case "not run" if was_left_out:
            text = "the script was not run: what it would say would not be about the commit"
            return Finding("script", "warn", text, f"ampsm preflight {session.id}")
        case "not run":
            text = f"no result of the script is known for {at}"
            return Finding("script", "warn", text, f"ampsm preflight {session.id} runs it")
        case "passed":
            return Finding("script", "ok", f"the script passes on {at}")
        case "failed":
            hint = f"ampsm run {session.id}, or: ampsm iterate {session.id} 'Make it pass'"
            return Finding("script", "warn", f"the script fails on {at}", hint)
        case _:
            assert_never(said)


def script_result(engine: Engine, session_id: str, *, passed: bool) -> None:
    """Record the result of a script that was run elsewhere for the session's commit as it is now."""
    _record_result(engine, situation.look(engine.store, session_id), passed=passed)


def _record_result(engine: Engine, now: Situation, *, passed: bool) -> None:
    """Record what the script said about the session's commit as it is now."""
    word = "pass" if passed else "fail"
    engine.store.facts.add(CHECKED, f"{now.branch_tip} {word}", session_id=now.session.id)


def result_of(engine: Engine, now: Situation) -> bool | None:
    """What the script said last about this very commit, in a preflight or after an iteration; None when not known.

    What another script of the session said before does not count, nor does a run by hand, whose files may not have been
    those of the commit.
    """
    facts = engine.store.facts.read(session_id=now.session.id)
    changed = next((fact for fact in reversed(facts) if fact.kind == SCRIPT_CHANGED), None)
    facts = tuple(fact for fact in facts if changed is None or fact.number > changed.number)
    checked = (fact for fact in reversed(facts) if fact.kind == CHECKED and fact.text.startswith(f"{now.branch_tip} "))
    known = [(fact.time, fact.text.endswith("pass")) for fact in islice(checked, 1)]
    by_hand = {fact.iteration_id for fact in facts if fact.kind == "tested" and "run by hand" in fact.text}
    for iteration in reversed(engine.store.iterations.of(now.session.id)):
        if changed and (iteration.start_time or "") < changed.time:
            break  # what ran then was another script
        if iteration.commit_sha == now.branch_tip and iteration.test_result and iteration.id not in by_hand:
            known.append((iteration.end_time or "", iteration.test_result is ScriptResult.PASS))
            break
    return max(known, key=itemgetter(0))[1] if known else None


def _conflicts(now: Situation, conflicts: tuple[ConflictFile, ...]) -> Iterator[Finding]:
    if not conflicts:
        yield Finding("conflicts", "ok", f"none foreseen with {now.target}")
        return
    paths = [f"{file.path} ({file.kind})" for file in conflicts]
    text = f"{plural(len(paths), 'file')} would conflict with {now.target}: {list_some(paths)}"
    yield Finding("conflicts", "warn", text, "a merge lays them out in the session's worktree, and can be aborted")


def _incoming(now: Situation, span: SessionSpan, objects: ObjectStore) -> Iterator[Finding]:
    """Secrets and unwanted files: of the work as a whole, and of its commits, which all but one squash bring in."""
    target = objects.tree_of(now.base_tip)
    whole = Change(objects.tree_of(now.fork), objects.tree_of(now.branch_tip))
    each = [change_of(objects, commit.sha) for commit in span.commits if not commit.merge]
    at_end, between = search_incoming(objects, [whole], target), search_incoming(objects, each, target)
    asks = "A merge asks, or takes --yes"
    if at_end.secrets:
        text = f"something that looks like a secret would be merged, in {list_some(at_end.secrets)}"
        hint = f"ampsm diff {now.session.id} shows where; take it out and commit. {asks}"
        yield Finding("secrets", "warn", text, hint)
    elif between.secrets:
        text = f"something that looks like a secret is on the way, in {list_some(between.secrets)}"
        yield Finding(
            "secrets", "warn", text, f"one squash leaves it out; --no-squash or --manual keep may not. {asks}"
        )
    elif not (at_end.is_whole and between.is_whole):
        yield Finding("secrets", "warn", f"only the first {READ >> 20} MB were looked through for secrets", asks)
    else:
        yield Finding("secrets", "ok", "none foreseen")
    if unwanted := at_end.unwanted or between.unwanted:
        text = f"what rarely belongs in a history would be merged: {list_some(unwanted)}"
        hint = f"git -C {now.worktree} rm -r --cached PATH, and a line in .gitignore. {asks}"
        yield Finding("rubbish", "warn", text, hint)


def plan(engine: Engine, session_id: str, options: Options) -> MergePreview:
    """What an operation with these options would do now."""
    now = situation.look(engine.store, session_id, options.onto, options.kind)
    objects = ObjectStore(now.root, now.repo)
    span = situation.span(engine.store, now, objects)
    commits = situation.described(objects, now, {commit.sha for commit in span.commits})
    conflicts = rewrite.forecast(now.root, now.base_tip, now.branch_tip, span.start).conflicts
    text, steps = drafted(engine, now, span, objects), tuple(_steps(now, span, options))
    return MergePreview(session_id, now.target, commits, steps, text, conflicts)


def _steps(now: Situation, span: SessionSpan, options: Options) -> Iterator[PlannedStep]:
    branch, target, commits = now.session.branch_name, now.target, span.commits
    by_hand = sum(not commit.ours and not commit.merge for commit in commits)
    if options.kind == "squash" or (options.kind == "merge" and options.squash):
        kept = by_hand if options.manual == "keep" else 0
        squashed = len(commits) - kept
        text = f"{plural(squashed, 'commit')} {'become' if squashed != 1 else 'becomes'} one"
        yield PlannedStep("squash", text + (f"; {plural(kept, 'commit')} by hand stay" if kept else ""))
    if options.kind != "squash":
        aside = f" without {plural(len(span.stays), 'commit')} from before it began" if span.stays else ""
        yield PlannedStep("rebase", f"{branch} goes onto {target} at {now.base_tip[:12]}{aside}")
    if options.kind == "merge" and not options.pull_request:
        way = "is fast-forwarded" if options.fast_forward else "gets a merge commit"
        yield PlannedStep("merge", f"{target} {way}, and a clean checkout of it moves along")
    if options.patch:
        yield PlannedStep("patch", f"the commits are written to {options.patch}")
    if options.pull_request:
        yield PlannedStep("pull-request", f"{branch} is pushed, and a pull request into {target} is opened")
    elif options.push:
        yield PlannedStep("push", f"{target} is pushed")


def drafted(engine: Engine, now: Situation, span: SessionSpan, objects: ObjectStore) -> str:
    """A message for what a session brings."""
    commits = situation.described(objects, now, {commit.sha for commit in span.commits})
    # The first iteration of a session that was made to be reviewed is a prompt of comments: no title.
    asked = [now.session.amp_prompt, *(one.prompt for one in engine.store.iterations.of(now.session.id))]
    return draft(commits, asked, now.session.name, objects)


def draft(commits: Sequence[PlannedCommit], prompts: Sequence[str], name: str, objects: ObjectStore) -> str:
    """A message from what was asked for, what amp said it did and what was committed.

    Its first line is a whole sentence of at most 72 characters: nothing that was cut stands in a history for good.
    """
    plain = [commit for commit in commits if not commit.merge]
    subjects = [_words(commit, objects) for commit in plain]
    asked = [sentence for prompt in prompts for sentence in _sentences(prompt)[:1]]
    wanted = [*subjects, *asked[:1]] if len(subjects) == 1 else [*asked[:1], *subjects]
    wholes = filter(None, (*(made(one) for one in wanted for made in (_title, _clause)), _title(name)))
    title = next(wholes, f"Bring in {plural(len(plain), 'commit')} of a session")
    listed = [f"- {subject}" for subject in dict.fromkeys(subjects)] if len(subjects) > 1 else []
    more = [f"- and {len(listed) - LISTED} more"] if len(listed) > LISTED else []
    return redact.text("\n".join([title, *([""] if listed else []), *listed[:LISTED], *more]))


def _words(commit: PlannedCommit, objects: ObjectStore) -> str:
    subject = printable(commit.subject)
    if subject.endswith("…"):
        subject = printable(whole_subject(objects.commit(commit.sha).message.decode("utf-8", "replace")))
    return subject.removeprefix("amp:").strip() if commit.ours else subject


def _sentences(prompt: str) -> list[str]:
    """The sentences of the first line of a prompt that has a word in it."""
    line = next((line for line in map(printable, prompt.splitlines()) if re.search(r"\w", line)), "")
    return [part for part in re.split(r"(?<=[.!?])\s+", line.strip().lstrip("#> ")) if part]


def _title(text: str) -> str:
    """A text as the first line of a message; empty where it is too long, or was cut."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:].removesuffix(".")
    return text if len(text) <= SUBJECT and "…" not in text[-1:] else ""


def _clause(text: str) -> str:
    """The longest beginning of a text that ends where a clause ends; empty where there is none that says something."""
    ends = [found.start() for found in _CLAUSE_END.finditer(text[: SUBJECT + 1])]
    return _title(text[: ends[-1]].rstrip(" ,;:")) if ends and ends[-1] >= _LEAST_TITLE else ""
