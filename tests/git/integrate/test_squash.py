"""Many commits become one; the tree stays the branch's, and nothing that others merged is taken back."""

from ampsm_engine.git.integrate import rewrite
from ampsm_engine.git.integrate.outcomes import RewriteConflict, Rewritten
from tests.git.integrate.benches import Bench, lines


def squashed(bench: Bench, manual: str = "include") -> Rewritten:
    made = rewrite.squash(bench.root, bench.tip, bench.base, "Do it\n\nBecause.", manual=manual)
    assert isinstance(made, Rewritten), made
    return made


def subjects(bench: Bench, made: Rewritten) -> list[str]:
    return bench.git("log", "--reverse", "--format=%s", f"main..{made.tip}").splitlines()


def test_all_of_a_session_is_one_commit(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    bench.amp({"new.txt": "n\n"}, "amp: more")
    before = bench.sandbox.untouched()
    made = squashed(bench)
    assert bench.tree_of(made.tip) == bench.tree_of(bench.branch)
    assert bench.sha(f"{made.tip}^") == bench.base
    assert bench.git("log", "-1", "--format=%B", made.tip) == (
        "Do it\n\nBecause.\n\nCo-authored-by: Amp <amp@ampcode.com>\n"
    ).rstrip("\n")
    assert bench.sandbox.untouched() == before
    bench.check()


def test_what_others_merged_meanwhile_is_never_taken_back(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    bench.on_base({"b.txt": lines(_9="base nine")})
    bench.git("merge", "-q", "-m", "take in main", "main", at=bench.at)
    bench.amp({"c.txt": "c\n"})
    bench.on_base({"later.txt": "l\n"})
    made = squashed(bench)
    assert bench.git("diff", "--name-only", f"{made.tip}^", made.tip).split() == ["a.txt", "c.txt"]
    merged = rewrite.merge(bench.root, bench.base, made.tip, ff=True, message="m")
    assert bench.git("diff", "--name-only", "main", merged.commit).split() == ["a.txt", "c.txt"]


def test_commits_by_hand_stay_commits_of_their_own(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    bench.hand({"b.txt": lines(_1="mine")}, "Mine")
    bench.amp({"a.txt": lines(_1="one", _20="twenty")})
    made = squashed(bench, "keep")
    assert subjects(bench, made) == ["Do it", "Mine"]
    assert bench.tree_of(made.tip) == bench.tree_of(bench.branch)
    assert bench.git("diff", "--name-only", f"{made.tip}^", made.tip) == "b.txt"


def test_commits_that_do_not_change_places_are_told(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_5="amp")})
    bench.amp({"b.txt": lines(_5="amp")})
    mine = bench.hand({"a.txt": lines(_5="mine")}, "Mine")
    bench.hand({"a.txt": lines(_5="mine, too")}, "Mine, too")
    bench.amp({"a.txt": lines(_5="amp again")})
    answer = rewrite.squash(bench.root, bench.tip, bench.base, "Do it", manual="keep")
    assert isinstance(answer, RewriteConflict)
    assert (answer.kind, answer.commit, [file.path for file in answer.files]) == ("reorder", mine, ["a.txt"])
    made = squashed(bench, "apart")
    assert subjects(bench, made) == ["Do it", "Mine", "Mine, too", "Do it"]
    assert bench.tree_of(made.tip) == bench.tree_of(bench.branch)
