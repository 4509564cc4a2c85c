"""Sessions: create one, edit its fields, adopt a worktree that was made elsewhere."""

import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import naming, redact, templates, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.engine import checkout_secrets, existing_branches, setup, startup
from ampsm_engine.engine.creation import creation
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import (
    beginnings,
    fresh_checkout,
    own_files,
    program,
    repository,
    setup_source,
    worktree_preparation,
    worktrees,
)
from ampsm_engine.git.beginnings import WorktreeTemplate
from ampsm_engine.git.entities import Base, Repo, Worktree
from ampsm_engine.git.setup_source import SetupSource
from ampsm_engine.model import (
    FILES_COPIED,
    LACKS,
    LEFT_BEHIND,
    SCRIPT_CHANGED,
    Iteration,
    Session,
    SetupState,
    Status,
)
from ampsm_engine.naming import new_id, session_name
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.review.annotations import PullRequest

_TAG = re.compile(r"[\w./-]{1,40}")


def new(
    engine: Engine,
    *,
    path: Path,
    prompt: str | None = None,
    name: str | None = None,
    base: str | None = None,
    head: str | None = None,
    branch: str | None = None,
    folder: str | None = None,
    pull_request: "PullRequest | None" = None,
    script: str | None = None,
    mode: str | None = None,
    thread: str | None = None,
    run: bool = True,
    origin: str | None = None,
    session_id: str | None = None,
    is_ready: bool = False,
    with_setup: bool = True,
) -> tuple[Session, Iteration | None]:
    """Create a session with its branch and worktree and, with `run`, start its first iteration.

    `head`: the commit that its branch begins at, where that is not the base: what that has beyond the base belongs to
    the session; `branch`: a local or remote branch that it works on, whose commits so far are not the session's;
    `folder`: the one that it is about, as seen from `path` or from the top: amp and the script work in it;
    `pull_request`: the one that it begins from.
    `thread`: the id or address of a thread of amp's that the session goes on with; None for a new one.
    All refusals come before anything is made; what fails later is undone: no row, branch or folder stays.
    `engine` need not be ready: arguments that are refused leave not even a store behind. `origin`: the batch item that
    it is made for; Refused when that has a session already. `session_id`: on a host of a cluster, the id that the
    session has where it was asked for; None for a new one. `is_ready`: the engine is, and nothing has to be recovered.
    `with_setup`: its worktree is set up before amp begins, where its repository or the user says how; UntrustedCommand
    where that is a command of the repository's that is not trusted yet.
    """
    engine.check_repository(path)
    _check(engine, prompt, name, run=run)
    check_script(script)
    check_mode(mode)
    repo, checked_out = repository.locate_with_head(path)
    start = checked_out if base is None and checked_out is not None else repository.base(repo, base)
    copied_from = worktree_preparation.source(repo, start.name)
    # git is at it while this process loads and asks.
    with worktree_preparation.begin_reading_checkout(copied_from.checkout) as looking:
        common = start.commit if head is None else _common_commit(repo.root, start, head)
        thread_id = _thread_id(thread) if thread else None

        def aimed(at: str) -> tuple[str, SetupSource]:
            within = beginnings.folder_in(repo, head or at, path, folder) if folder else ""
            return within, setup.of_new_session(engine, repo.root, at, within) if with_setup else SetupSource()

        # Before there is a store, unless that has to say whose the branch is.
        within, source = ("", SetupSource()) if branch else aimed(common)
        if not is_ready:
            startup.make_ready(engine)
        if thread_id:
            _refuse_shared_thread(engine, thread_id)
        on = existing_branches.free_branch(engine, repo, branch, start.name) if branch else None
        if on:
            common = on.commit
            within, source = aimed(common)
        begun = Base(start.name, head or common)
        session_id = session_id or new_id()
        settings = engine.settings
        hidden = templates.inner_folder(settings.needed("worktree.place"))
        redact.load()
        state = worktree_preparation.checkout_state(looking.wait(program.READ_LIMIT), hidden)
    repo = copied_from
    checkout_secrets.learn(engine, repo, state)
    check_script(script)  # again: it may hold one of those
    title = _safe_title(name, prompt)
    plan = WorktreeTemplate(settings.needed("worktree.place"), settings.needed("branch.name"), on)
    with creation(engine.home, session_id, repo.root, begun.commit) as made:
        moment = datetime.now(UTC).astimezone()
        pending = worktrees.begin(repo, begun, session_id, title, moment, plan=plan, witness=made)
        try:
            session = Session(
                id=session_id,
                name=title,
                amp_prompt=redact.text(prompt or ""),
                repo_root=str(repo.root),
                base_branch=start.name,
                base_commit=common,
                branch_name=pending.branch,
                worktree_path=str(pending.path),
                status=Status.IDLE,
                created_at=timestamps.now(),
                script_command=script or None,
                model_override=mode or engine.settings.text("amp.mode") or None,
                branch_made_by="user" if on else "ampsm",
                origin=origin,
                thread_id=thread_id,
                folder=within,
            )
            given = prompt if run else None
            return _complete(
                engine, repo, pending, session, source, start=start, state=state, prompt=given, about=pull_request
            )
        except BaseException:
            pending.undo()
            raise


def _complete(
    engine: Engine,
    repo: Repo,
    pending: worktrees.Pending,
    session: Session,
    source: SetupSource,
    *,
    start: Base,
    state: worktree_preparation.CheckoutState,
    prompt: str | None,
    about: "PullRequest | None",
) -> tuple[Session, Iteration | None]:
    """Wait until git has filled a worktree, give it all else, and store its session.

    `state`: what stands in the checkout; `about`: the pull request that the session begins from.
    """
    with fresh_checkout.begin_asking_settings(pending.path) as asking:
        # 45 ms that are paid while git is at work.
        importlib.import_module("ampsm_engine.store.statements" if prompt is None else "ampsm_engine.engine.iterations")
        facts = [(LEFT_BEHIND, text) for text in worktree_preparation.left_behind(repo, start, state)]
        if note := pending.finish().note:
            facts.append(("worktree", note))
        settings = asking.wait(program.READ_LIMIT)
    plain = not note and fresh_checkout.is_plain(repo.common_dir, pending.path, settings)
    with fresh_checkout.begin_looking(pending.path, plain=plain) as looking:
        facts += _prepare(engine, repo, pending.path, source, state.ignored, session_id=session.id, usual_hooks=plain)
        copies = any(kind == FILES_COPIED for kind, _ in facts)
        settle = partial(fresh_checkout.note_changed, looking, pending.path, session.id, plain=plain, copies=copies)
        return _enter(engine, session, prompt, facts, pull_request=about, settle=settle)


def _common_commit(root: Path, start: Base, head: str) -> str:
    """Where a branch that begins at `head` left its base; Refused when it has nothing in common with it."""
    from ampsm_engine.git import changes

    common = changes.merge_base(root, start.commit, head)
    if common is None:
        raise Refused(f"{head[:12]} has no commit in common with {start.name}.", "ampsm new --base REF")
    return common


def _thread_id(named: str) -> str:
    """The id in an id or address of a thread; Refused when there is none in it."""
    from ampsm_engine.amp.stream import THREAD_ID

    found = THREAD_ID.search(named)
    if found is None:
        raise Refused(f"{printable(named)[:80]!r} names no thread of amp.", "amp threads list")
    return found.group()


def _refuse_shared_thread(engine: Engine, thread_id: str) -> None:
    """Refused when a session goes on with that thread already: amp lets one program at a time drive a thread."""
    for session in engine.store.sessions.all():
        if session.thread_id == thread_id:
            message = f"Session {session.name} goes on with thread {thread_id} already."
            raise Refused(message, f"ampsm iterate {session.id} 'what amp is to do'")


def _prepare(
    engine: Engine,
    repo: Repo,
    worktree: Path,
    source: SetupSource,
    ignored: Sequence[str],
    *,
    session_id: str,
    usual_hooks: bool,
) -> list[tuple[str, str]]:
    """Give a new worktree what it needs beside what git tracks; facts about that, and about what it lacks even so.

    `ignored`: what git ignores in the checkout; `usual_hooks`: whether hooks are known to be where they usually are.
    """
    settings = engine.settings
    share = setup_source.named_folders(settings.text("setup.share"))
    done = worktree_preparation.prepare(repo, worktree, source, share, settings.number("setup.share-limit") * 1_000_000)
    lacking = worktree_preparation.missing_parts(worktree, repo.root, done.empty, usual_hooks=usual_hooks)
    facts = [("worktree", text) for text in (*done.notes, *lacking)]
    facts += [(LEFT_BEHIND, text) for text in worktree_preparation.not_copied(repo.checkout, worktree, ignored)]
    if done.copied:
        _hide_copied_secrets(repo.checkout, worktree, session_id)
        facts.append((FILES_COPIED, done.copied))
    if source.command:
        where = f" in {source.folder}" if source.folder else ""
        facts.append((SetupState.WAITS, f"before amp begins, this is run{where}: {source.command}"))
    return facts


def _hide_copied_secrets(checkout: Path, worktree: Path, session_id: str) -> None:
    """What is secret in the files that were copied is hidden from now on like the secrets of the environment."""
    from ampsm_engine.git import own_files, unwanted_files

    copies = own_files.read_copies(repository.git_dir(worktree)).files
    secret = sorted(path for path in copies if unwanted_files.is_secret_file(worktree, path))
    if secret:
        redact.note_files(session_id, (folder / path for path in secret for folder in (worktree, checkout)))


def _check(engine: Engine, prompt: str | None, name: str | None, *, run: bool) -> None:
    if name is not None and not printable(name):
        raise Refused("A session's name needs at least one visible character.", "ampsm new --name NAME")
    if run or prompt:
        from ampsm_engine.amp import command, program

        command.check_prompt(prompt or "")
        importlib.import_module("ampsm_engine.engine.iterations").check_unredacted(prompt or "")
        if run:
            program.find(engine.settings, os.environ)


def check_script(script: str | None) -> None:
    """Refused for a script with a secret in it: the store would redact it, and another script would run.

    Refused for one that no shell can be given, too.
    """
    if script and "\0" in script:
        raise Refused("The script holds a zero byte, which ends a text for every program.", "Leave it out.")
    if script and redact.text(script) != script:
        message = "The script holds a secret, which ampsm does not keep."
        raise Refused(message, "Put it into an environment variable, and write $NAME in the script.")


def check_mode(mode: str | None) -> None:
    """Refused when amp could not be given that mode, or when it holds a secret: amp would be given another one."""
    if mode:
        if redact.text(mode) != mode:
            raise Refused("The mode holds a secret, which ampsm does not keep.", "ampsm new --help")
        from ampsm_engine.amp import command

        command.checked_mode(mode)


def _safe_title(name: str | None, prompt: str | None) -> str:
    """The session's name, redacted before it is cut: half a secret would not be known any more."""
    return naming.title(redact.text(name or ""), redact.text(prompt or ""))


def _enter(
    engine: Engine,
    session: Session,
    prompt: str | None,
    facts: Sequence[tuple[str, str]] = (),
    *,
    pull_request: "PullRequest | None" = None,
    settle: Callable[[], object] = lambda: None,
) -> tuple[Session, Iteration | None]:
    """Store the session and write its context into the worktree; the row is removed again when that fails.

    `facts`: what the new worktree was given and lacks, for the session's history and for amp. `settle` is called once
    there is nothing left to do but to store it: a session that is stored is whole.
    """
    from ampsm_engine.worker import agent_context

    store, iteration = engine.store, None
    made = agent_context.contents(session, (), (), [text for kind, text in facts if kind in LACKS], pull_request)
    settle()
    store.sessions.add(session, pull_request, facts)
    try:
        if note := agent_context.write_files(session, made):
            store.facts.add("worktree", note, session_id=session.id)
        if prompt is not None:
            from ampsm_engine.engine import iterations

            iteration = iterations.iterate(engine, session.id, prompt)
    except BaseException:
        store.sessions.remove(session.id, with_facts=True)
        raise
    return store.sessions.get(session.id), iteration


def edit(
    engine: Engine,
    session_id: str,
    *,
    name: str | None = None,
    notes: str | None = None,
    script: str | None = None,
    mode: str | None = None,
    seen: bool = False,
    tags: Sequence[str] | None = None,
    archived: bool | None = None,
) -> Session:
    """Change the fields of a session; None leaves one as it is, an empty text clears it.

    `seen` takes away the mark of what changed outside of its worktree. Refused for the script and the mode while a run
    is at the session: its plan says by what it is judged.
    `tags` are all that it has afterwards;
    `archived` puts it away or brings it back.
    """
    check_script(script)
    check_mode(mode)
    columns: dict[str, object] = {}
    if name is not None:
        if not printable(name):
            raise Refused("A session's name needs at least one visible character.", "ampsm edit SESSION --name NAME")
        columns["name"] = printable(name)[:200]
    given = {"notes": notes, "script_command": script, "model_override": mode}
    columns |= {column: value or None for column, value in given.items() if value is not None}
    store = engine.store
    before = store.sessions.get(session_id)
    if any(name in columns and columns[name] != getattr(before, name) for name in ("script_command", "model_override")):
        refuse_in_run(engine, before)
    if tags is not None:
        columns["tags"] = checked_tags(tags)
    if archived is not None and archived != (before.archived_at is not None):
        columns["archived_at"] = timestamps.now() if archived else None
    if seen:
        from ampsm_engine.worker import outside

        outside.forget(engine.home, store, session_id)
    after = store.sessions.update(session_id, **columns) if columns else before
    if after.script_command != before.script_command:
        store.facts.add(SCRIPT_CHANGED, f"the script is {after.script_command or 'none'}", session_id=session_id)
    return store.sessions.get(session_id)


def refuse_in_run(engine: Engine, session: Session) -> None:
    """Refused while a run is at a session: its plan says how the session is judged and where it goes."""
    item = engine.store.batches.open_item_of(session.id)
    if item is not None:
        message = f"A run is at {session.name}, whose plan says which script judges it and in which mode amp works."
        raise Refused(
            message, f"ampsm batch stop {item.batch_id}, then again, then: ampsm batch resume {item.batch_id}"
        )


def archive(engine: Engine, session_id: str) -> Session:
    """Put a session away: it stays as it is, and lists leave it out."""
    return edit(engine, session_id, archived=True)


def unarchive(engine: Engine, session_id: str) -> Session:
    """Bring an archived session back into the list."""
    return edit(engine, session_id, archived=False)


def checked_tags(typed: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept, in order, each once, lower case; Refused for what is none."""
    found = []
    for one in typed:
        tag = one.strip().removeprefix("#").casefold()
        if not _TAG.fullmatch(tag):
            message = f"A tag is one word of at most 40 letters, digits, - _ . and /, not {printable(one)[:60]!r}."
            raise Refused(message, "ampsm edit SESSION --tag backend")
        found.append(tag)
    return tuple(dict.fromkeys(found))


def adopt(
    engine: Engine,
    path: Path,
    *,
    name: str | None = None,
    base: str | None = None,
    script: str | None = None,
    mode: str | None = None,
    thread: str | None = None,
    shared: bool = False,
) -> Session:
    """Make a session of a worktree with a branch that was made elsewhere; nothing in it is moved or changed.

    `thread`: the id or address of the thread of amp's that worked in it, to be gone on with. A branch that others
    build on is Refused unless it is asked for with `shared`: see `why_shared`.
    """
    check_script(script)
    check_mode(mode)
    thread_id = _thread_id(thread) if thread else None
    if thread_id:
        _refuse_shared_thread(engine, thread_id)
    engine.check_repository(path)
    found = _on_a_branch(path)
    taken = [s for s in engine.store.sessions.all() if Path(s.worktree_path) == found.path]
    if taken:
        message = f"The worktree {found.path} belongs to session {taken[0].name} already."
        raise Refused(message, f"ampsm show {taken[0].id}")
    repo = repository.around(path)
    if found.path == repo.root:
        message = f"{found.path} is the repository's own checkout; ampsm never works there."
        raise Refused(message, f"ampsm new --repo {repo.root}")
    start = repository.base(repo._replace(checkout=repo.root), base)
    if start.name == found.branch:
        message = f"{found.branch} cannot be both the branch of the session and its base."
        raise Refused(message, f"ampsm adopt {found.path} --base BRANCH")
    if not shared and (why := why_shared(engine, path)):
        raise Refused(why, f"git -C {found.path} switch -c NAME, or: ampsm adopt {found.path} --yes")
    session = Session(
        id=new_id(),
        name=printable(name)[:200] if name else _name_of(found.branch),
        amp_prompt="",
        repo_root=str(repo.root),
        base_branch=start.name,
        base_commit=_merge_base(repo.root, start, found.branch),
        branch_name=found.branch,
        worktree_path=str(found.path),
        status=Status.IDLE,
        created_at=timestamps.now(),
        script_command=script or None,
        model_override=mode or engine.settings.text("amp.mode") or None,
        thread_id=thread_id,
    )
    own_files.ensure(repo)
    lacking = worktree_preparation.missing_parts(found.path, repo.root)
    entered, _ = _enter(engine, session, None, [("worktree", text) for text in lacking])
    from ampsm_engine.git import pinned_refs

    pinned_refs.keep_tip(repo.root, entered.id, found.head)  # the maker of the worktree may remove it again
    return entered


def why_shared(engine: Engine, path: Path) -> str:
    """Other uses of a worktree's branch, as a sentence against committing to it; empty without any."""
    found = _on_a_branch(path)
    return existing_branches.why_shared(engine, repository.around(path), found.branch, but=found.path)


def _on_a_branch(path: Path) -> Worktree:
    found = worktrees.inspect(path)
    if not found.branch:
        message = f"The worktree {found.path} is on no branch."
        raise Refused(message, f"git -C {found.path} switch -c NAME")
    return found


def _name_of(branch: str) -> str:
    """`fix-login` from `amp/fix-login/<time>`; else the last part."""
    parts = branch.split("/")
    ours = len(parts) == 3 and parts[0] == "amp"
    return session_name(parts[1] if ours else parts[-1])


def _merge_base(root: Path, start: Base, branch: str) -> str:
    from ampsm_engine.git import changes

    common = changes.merge_base(root, start.commit, branch)
    if common is None:
        message = f"{branch} and {start.name} have no common history."
        raise NotFound(message, "ampsm adopt PATH --base BRANCH")
    return common
