"""`ls --json` is written by SQLite: it says the same as the documents made of values, whatever the rows hold."""

import json
import shutil
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.cli import documents, output
from ampsm_engine.model import Merge, MergeState, Status
from ampsm_engine.store import Store
from ampsm_engine.store.sessions import SessionFilter
from tests.cli.conftest import Ampsm, Shelf
from tests.conftest import examples, git
from tests.store.values import a_session, an_iteration

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "é", "\U0001f600", "\x1b[2J", "\x7f", 'quo"te\\', "a\nb", "\x00", "\u2028", "\u202e"]
)
numbers = st.none() | st.integers(0, 2**53)


def both(store: Store) -> tuple[object, object]:
    """The document as `ls` prints it, and as `show` would make it."""
    found = store.sessions.all()
    ids = [session.id for session in found]
    iterations, notes = store.iterations.of_sessions(ids), store.facts.notes_of(ids)
    made = [documents.session_document(session, iterations[session.id], notes) for session in found]
    written = json.loads(f"{{{documents.listed_sessions(store, SessionFilter())}}}")["sessions"]
    return written, json.loads(output.encoded(made))


@given(
    name=words,
    notes=st.none() | words,
    status=st.sampled_from([*Status, "paused", ""]),
    state=st.sampled_from(["settled", "running", "napping", "queued"]),
    outcome=st.sampled_from([None, "done", "vanished"]),
    result=st.sampled_from([None, "pass", "fail", "perhaps"]),
    tokens=st.tuples(numbers, numbers, numbers, numbers),
    activity=st.none() | words,
    started=st.sampled_from([None, "", "2026-01-01T00:00:00.000Z"]),
)
@settings(max_examples=examples(40), deadline=None)
def test_sqlite_says_what_the_values_say(name, notes, status, state, outcome, result, tokens, activity, started):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "ampsm.sqlite")
        store.sessions.add(a_session("s1"))
        store.sessions.add(a_session("s2"))
        for number in (1, 2):
            store.queue.add(an_iteration(f"i{number}", "s1"))
        store.facts.add("left-out", "a.env", session_id="s1", iteration_id="i2")
        with sqlite3.connect(store.path) as connection:
            connection.execute(
                "UPDATE sessions SET name = ?, notes = ?, status = ? WHERE id = 's1'", (name, notes, status)
            )
            connection.execute(
                'UPDATE iterations SET state = ?, outcome = ?, "testResult" = ?, activity = ?, "startTime" = ?,'
                ' "inputTokens" = ?, "outputTokens" = ?, "cacheCreationTokens" = ?, "cacheReadTokens" = ?'
                " WHERE id = 'i1'",
                (state, outcome, result, activity, started, *tokens),
            )
        connection.close()
        written, made = both(store)
        store.close()
    assert written == made
    assert [list(each) for each in written] == [list(each) for each in made]  # the order of the keys, too


def test_the_whole_document_is_ascii(ampsm: Ampsm, shelf: Shelf) -> None:
    name = "naïve \x1b[2J \x7f \U0001f600 \u202e"
    shelf.session(name)
    ran = ampsm("ls", "--json")
    assert ran.out.isascii()
    assert ran.out.rstrip("\n").isprintable()
    assert ran.json["sessions"][0]["name"] == name


def test_what_is_gone_of_a_session_and_a_conflict_are_told(ampsm: Ampsm, shelf: Shelf) -> None:
    names = ("whole", "no worktree", "no link", "no repository", "in conflict", "no base")
    made = {name: shelf.session(name) for name in names}
    repo = Path(made["whole"].repo_root)
    git(repo, "init", "-q", "-b", "main")
    git(repo, "commit", "-q", "--allow-empty", "-m", "Begin")
    shutil.rmtree(made["no worktree"].worktree_path)
    (Path(made["no link"].worktree_path) / ".git").unlink()
    shelf.engine.store.sessions.update(made["no repository"].id, repo_root="/nowhere/at/all")
    shelf.engine.store.sessions.update(made["no base"].id, base_branch="feature")
    waits = made["in conflict"].id
    shelf.engine.store.merges.begin(
        Merge("m1", waits, "merge", MergeState.CONFLICTED, "wait", "2026-09-01T10:00:00.000Z")
    )
    expected = {"whole": None, "no worktree": "worktree", "no link": "link", "no repository": "repository"}
    listed = {one["name"]: one for one in ampsm("ls", "--json").json["sessions"]}
    assert {name: listed[name]["missing"] for name in expected} == expected
    assert [name for name in names if listed[name]["conflict"]] == ["in conflict"]
    assert [name for name in names if listed[name]["baseGone"]] == ["no base"]
    table = ampsm("ls").out
    for words in ("base feature gone", "worktree gone", "no .git in its worktree", "repository gone", "open conflict"):
        assert table.count(words) == 1
    counts = ampsm("status", "--json").json
    assert (counts["missing"], counts["conflict"]) == (3, 1)
    assert "1 with an open conflict" in ampsm("status").out
    shown = ampsm("show", waits)
    assert "in conflict: open conflict." in shown.err
    assert f"ampsm merge {waits} --show" in shown.err
    assert ampsm("show", waits, "--json").json["session"]["conflict"] is True


def test_a_list_that_was_lost_is_not_called_empty(ampsm: Ampsm, shelf: Shelf) -> None:
    """With the database and all that is beside it deleted, only what the iterations wrote tells that there were any."""
    assert "No sessions yet" in ampsm("ls").err
    shelf.iteration(shelf.session())
    shelf.engine.store.close()
    for file in shelf.engine.home.database.parent.iterdir():
        if file.is_file():
            file.unlink()
        elif file != shelf.engine.home.iterations and file != shelf.engine.home.slots:
            shutil.rmtree(file)
    shown = ampsm("ls")
    assert "No sessions yet" not in shown.err
    assert "was the database lost?" in shown.err
    assert "ampsm repair" in shown.err


def test_a_list_that_leaves_all_out_says_so(ampsm: Ampsm, shelf: Shelf) -> None:
    """ "No sessions yet" would read as if they were lost."""
    session = shelf.session()
    filtered = ampsm("ls", "--tag", "other").err
    assert "No session is like that." in filtered
    assert "hint: ampsm ls" in filtered.splitlines()
    ampsm("edit", session.id, "--archive")
    shown = ampsm("ls").err
    assert "All sessions are put away." in shown
    assert "hint: ampsm ls --archived" in shown
