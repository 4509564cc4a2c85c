"""The merge wizard in a real terminal: a conflict solved by keys, the end, and the way back; a death on the way."""

from pathlib import Path

from ampsm_engine.merging import open_conflict
from ampsm_engine.model import Session, Status
from tests.conftest import git
from tests.journeys.conftest import Open
from tests.worker.bench import Bench


def in_each_others_way(bench: Bench) -> Session:
    """A session and its base that changed the same line; the session has a file of its own besides."""
    (bench.repo / "menu.txt").write_text("".join(f"dish {number}\n" for number in range(1, 21)))
    git(bench.repo, "add", "menu.txt")
    git(bench.repo, "commit", "-qm", "A menu")
    session = bench.new(None, name="Mend the menu")
    at = Path(session.worktree_path)
    changed(at, "dish 3", "soup of the session")
    changed(bench.repo, "dish 3", "soup of the base")
    (at / "new.txt").write_text("new\n")
    for place in (at, bench.repo):
        git(place, "add", "--all")
        git(place, "commit", "-qm", "Soup")
    return session


def changed(at: Path, before: str, after: str) -> None:
    file = at / "menu.txt"
    file.write_text(file.read_text().replace(f"{before}\n", f"{after}\n"))


def test_a_conflict_outlives_its_terminal_is_solved_by_keys_in_another_and_all_of_it_undone(
    bench: Bench, terminal: Open
) -> None:
    session = in_each_others_way(bench)
    base, tip = git(bench.repo, "rev-parse", "main"), git(bench.repo, "rev-parse", session.branch_name)
    first = terminal(size=(30, 20)).sees("Mend")
    first.press("M").sees("would conflict").press("enter").sees("What will happen")
    first.press("ctrl+g").sees("Conflict 1 of 1")
    first.press("2").sees("Nothing is open")
    first.kill()
    assert open_conflict.conflicts(bench.engine, session.id).resolved == ("menu.txt",)
    assert git(bench.repo, "rev-parse", "main") == base
    app = terminal(size=(100, 30)).sees("Mend the menu", "conflicts wait")
    app.press("M").sees("Nothing is open any more")
    app.press("u").sees("Put menu.txt back into conflict?").press("y")
    app.sees("Conflict 1 of 1", "soup of the base", "soup of the session", "main is untouched")
    app.press("3").sees("Nothing is open any more")
    app.press("u").sees("Conflict 1 of 1")
    app.press("2").sees("Nothing is open any more")
    app.press("ctrl+g").sees("Mend the menu is in main.", "Clean up?", "nothing is lost")
    assert "soup of the session" in (bench.repo / "menu.txt").read_text()
    assert (bench.repo / "new.txt").read_text() == "new\n"
    assert git(bench.repo, "status", "--porcelain") == ""
    assert bench.now(session).status is Status.DONE
    app.press("u").sees("Undo the merge of Mend the menu?")
    app.press("y").sees("would conflict", "menu.txt", "Enter: the plan")
    assert git(bench.repo, "rev-parse", "main") == base
    assert git(bench.repo, "rev-parse", session.branch_name) == tip
    assert "soup of the base" in (bench.repo / "menu.txt").read_text()
    app.press("escape").sees_no_more("Enter: the plan").press("q")
    assert app.ended() == 0
