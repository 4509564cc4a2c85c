"""A terminal dies in the middle of something: nothing that was typed or looked at is lost, and the next one goes on."""

import subprocess
from pathlib import Path

from ampsm_engine.model import Session
from tests.journeys.conftest import AMPSM, Open
from tests.journeys.terminal import Terminal
from tests.waiting import until
from tests.worker.bench import Bench


def reviewable(bench: Bench) -> Session:
    """A session that changed two files, the second of them in two places."""
    session = bench.new(None, name="mend")
    root = Path(session.worktree_path)
    (root / "first.txt").write_text("one\ntwo\n")
    (root / "second.py").write_text("".join(f"line_{number} = {number}\n" for number in range(60)))
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Change"], cwd=root, check=True)
    return session


def in_review(terminal: Open) -> Terminal:
    return terminal(size=(100, 30)).sees("mend").press("v").sees("second.py", "line_3 = 3")


def test_a_kill_in_a_review_loses_no_look_no_comment_and_no_place(bench: Bench, terminal: Open) -> None:
    session = reviewable(bench)
    reviews = bench.engine.store.reviews
    first = in_review(terminal).press("T").sees("1 of 2")
    first.until(lambda: reviews.looked_tree(session.id) is not None, "the look to count")
    first.type("]7G").press("c").sees("Comment on second.py:7").type("why not eight")
    kept = bench.engine.home.unsent / session.id
    first.until(lambda: any("why not eight" in one.read_text() for one in kept.glob("*.json")), "the text to be kept")
    first.until(lambda: '"line": 7' in place(bench), "the place to be kept")
    first.kill()
    assert {path for path, _ in reviews.viewed(session.id)} == {"first.txt"}
    again = terminal(size=(100, 30)).sees("You were in the review of mend, at second.py:7, with 1 text not sent.")
    again.press("'").sees("line_6 = 6", "1 of 2", "1 comment is not finished; C lists it")
    again.press("Y").sees("Copied its place")
    again.press("C").sees("second.py:7", "not finished", "why not eight").press("enter")
    again.sees("Comment on second.py:7", "As you left it").type("!").press("ctrl+g").sees(
        "why not eight!", "not sent yet"
    )
    (comment,) = reviews.comments(session.id)
    assert (comment.place, comment.text) == ("second.py:7", "why not eight!")


def place(bench: Bench) -> str:
    """What is kept about where the apps are."""
    return "".join(file.read_text() for file in bench.engine.home.places.glob("*.json"))


def test_a_lost_line_loses_no_prompt_and_whoever_leaves_by_q_is_offered_nothing(bench: Bench, terminal: Open) -> None:
    bench.new(None, name="mend")
    lost = terminal(size=(80, 24)).sees("mend").press("enter").sees("m writes a follow-up")
    lost.press("m").type("half a thought").sees("half a thought")
    lost.until(lambda: '"session"' in place(bench), "the place to be kept")
    lost.hang_up()
    again = terminal(size=(80, 24)).sees("You were in the session mend, with 1 text not sent. ' goes back there.")
    again.press("'").sees("half a thought").press("escape", "escape").sees_no_more("half a thought")
    again.sees_no_more("You were in")
    again.press("a").sees("New session").type("a new one")
    kept = bench.engine.home.unsent
    again.until(lambda: any("a new one" in one.read_text() for one in kept.glob("*/*.json")), "the text to be kept")
    again.kill()
    last = terminal(size=(80, 24)).sees("mend")
    last.press("a").sees("New session, as you left it", "a new one").press("escape").sees("NAME").press("q")
    assert last.ended() == 0
    assert place(bench) == ""


def test_two_terminals_on_one_home_see_each_others_marks_and_comments(bench: Bench, terminal: Open) -> None:
    session = reviewable(bench)
    one, other = in_review(terminal), in_review(terminal)
    one.press("T").sees("1 of 2")
    other.sees("1 of 2")
    other.press("T").sees("0 of 2")
    one.sees("0 of 2")
    other.type("}4G").press("c").sees("Comment on second.py:4").type("is it so").press("ctrl+g").sees("not sent yet")
    one.sees("is it so", "not sent yet")
    subprocess.run([AMPSM, "comment", session.id, "second.py:9", "from a script"], check=True, capture_output=True)
    for screen in (one, other):
        screen.sees("from a script")
    (first, _) = bench.engine.store.reviews.comments(session.id)
    bench.engine.store.reviews.delete_comment(first.id)
    for screen in (one, other):
        screen.sees_no_more("is it so")
    bench.engine.store.sessions.update(session.id, name="sew")
    until(lambda: all(screen.read() and "sew" in screen.text for screen in (one, other)), "the new name on both")
