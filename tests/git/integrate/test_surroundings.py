"""Hooks, signatures, filters, drivers, other hashes, cut-off histories: the right result, or a refusal with its reason."""

import os
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import pinned_refs, repository
from ampsm_engine.git.integrate import branch_move, commit_range, proof, rewrite
from ampsm_engine.git.integrate.outcomes import Merged, RewriteConflict, Rewritten
from tests.git.integrate.benches import LINES, Bench, Oracle, lines
from tests.git.sandboxes import Sandbox


def hook(bench: Bench, name: str, script: str) -> None:
    file = bench.root / ".git/hooks" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def squashed(bench: Bench, message: str = "Do it", **options: Path) -> Rewritten:
    made = rewrite.squash(bench.root, bench.tip, bench.base, message, **options)
    assert isinstance(made, Rewritten)
    return made


def test_a_pre_commit_hook_sees_the_squash_and_may_refuse(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    bench.amp({"new": "n\n"})
    hook(bench, "pre-commit", 'git diff --cached --name-only > "$(pwd)/../seen"; grep -q bad new && exit 1; exit 0')
    head, index = bench.git("rev-parse", "HEAD", at=bench.at), bench.git("ls-files", "-s", at=bench.at)
    made = squashed(bench, hooks_in=bench.at)
    assert (bench.at.parent / "seen").read_text().split() == ["a.txt", "new"]
    assert bench.tree_of(made.tip) == bench.tree_of(bench.branch)
    bench.git("config", "core.hooksPath", ".git/hooks")
    bench.git("commit", "--amend", "-q", "--no-verify", "-m", "amp: more", at=bench.at)
    hook(bench, "pre-commit", 'echo "no tests" >&2; exit 1')
    bench.git("config", "core.hooksPath", str(bench.root / ".git/hooks"))
    with pytest.raises(Refused, match="no tests"):
        squashed(bench, hooks_in=bench.at)
    assert bench.git("rev-parse", "HEAD~1", at=bench.at) == bench.git("rev-parse", f"{head}~1", at=bench.at)
    assert bench.git("ls-files", "-s", at=bench.at) == index
    assert bench.git("status", "--porcelain", at=bench.at) == ""


def test_a_commit_msg_hook_rewrites_the_message(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    hook(bench, "commit-msg", 'echo "Ticket: 7" >> "$1"')
    made = squashed(bench, hooks_in=bench.at)
    assert bench.git("log", "-1", "--format=%B", made.tip).rstrip().endswith("Ticket: 7")
    assert bench.git("log", "-1", "--format=%B", squashed(bench).tip).rstrip().endswith("amp@ampcode.com>")
    merged = rewrite.merge(bench.root, bench.base, made.tip, ff=False, message="Merge", hooks_in=bench.at)
    assert isinstance(merged, Merged)
    assert bench.git("log", "-1", "--format=%B", merged.commit).split("\n")[:2] == ["Merge", "Ticket: 7"]
    hook(bench, "pre-merge-commit", "echo frozen >&2; exit 1")
    with pytest.raises(Refused, match="frozen"):
        rewrite.merge(bench.root, bench.base, made.tip, ff=False, message="Merge", hooks_in=bench.at)


def test_a_hook_that_changes_files_is_told(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    hook(bench, "pre-commit", "echo formatted > b.txt; git add b.txt")
    with pytest.raises(Refused, match=r"changed what is committed: 'b\.txt'"):
        squashed(bench, hooks_in=bench.at)


def test_what_is_made_is_signed_where_the_user_signs(bench: Bench, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (tmp_path / "signers").write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "commit.gpgSign": "true",
        "gpg.ssh.allowedSignersFile": str(tmp_path / "signers"),
    }.items():
        bench.git("config", name, value)
    bench.amp({"a.txt": lines(_1="one")})
    bench.on_base({"b.txt": "b\n"})
    made = squashed(bench)
    put = rewrite.rebase(bench.root, made.tip, bench.base)
    assert isinstance(put, Rewritten)
    merged = rewrite.merge(bench.root, bench.base, put.tip, ff=False, message="Merge")
    assert isinstance(merged, Merged)
    for commit in (made.tip, put.tip, merged.commit):
        assert bench.git("log", "-1", "--format=%G?", commit) == "G"
    unsigned = rewrite.squash(bench.root, bench.tip, bench.base, "m", sign=False)
    assert isinstance(unsigned, Rewritten)
    assert bench.git("log", "-1", "--format=%G?", unsigned.tip) == "N"
    bench.git("config", "user.signingKey", str(tmp_path / "missing"))
    with pytest.raises(Failed, match="could not sign"):
        squashed(bench)


def test_authors_times_and_odd_messages_stay(bench: Bench) -> None:
    bench.sandbox.write({"a.txt": lines(_1="one")}, bench.at)
    variables = {"GIT_AUTHOR_NAME": "Zoë", "GIT_AUTHOR_EMAIL": "z@x.org", "GIT_AUTHOR_DATE": "1234567890 -0330"}
    message = b"caf\xe9\n\n  indented\n# no comment\n"
    command = ["git", "-C", bench.at, "-c", "i18n.commitEncoding=latin1", "commit", "-qa", "--cleanup=verbatim", "-F-"]
    subprocess.run(command, input=message, env=os.environ | variables, check=True)
    bench.on_base({"b.txt": "b\n"})
    put = rewrite.rebase(bench.root, bench.tip, bench.base)
    assert isinstance(put, Rewritten)
    shown = subprocess.run(["git", "-C", bench.root, "cat-file", "-p", put.tip], capture_output=True, check=True).stdout
    assert b"\nencoding latin1\n" in shown
    assert shown.endswith(b"\n\n" + message)
    assert "author Zoë <z@x.org> 1234567890 -0330".encode() in shown
    assert b"committer Ada <ada@example.org>" in shown


def test_merge_drivers_and_attributes_decide_as_in_git(bench: Bench) -> None:
    bench.on_base(
        {".gitattributes": "*.log merge=union\nlocked -merge\n*.up merge=upper\n", "x.log": "1\n", "x.up": LINES}
    )
    bench.git("config", "merge.upper.driver", "git merge-file -q %A %O %B; tr a-z A-Z < %A > %A.up; mv %A.up %A")
    bench.git("merge", "-q", "main", at=bench.at)
    bench.amp({"x.log": "1\namp\n", "x.up": lines(_1="one")})
    bench.on_base({"x.log": "1\nbase\n", "x.up": lines(_20="twenty")})
    # What lies about in the user's checkout decides nothing.
    (bench.root / ".gitattributes").write_text("*.log -merge\n")
    with Oracle(bench) as oracle:
        wanted = oracle.rebase(bench.tip, bench.base)
    put = rewrite.rebase(bench.root, bench.tip, bench.base)
    assert isinstance(put, Rewritten)
    assert bench.tree_of(put.tip) == wanted
    assert bench.show(put.tip, "x.log").split() == ["1", "base", "amp"]
    assert bench.show(put.tip, "x.up").startswith("ONE\n")


def test_sha256_repositories_go_by_the_git_program(tmp_path: Path) -> None:
    root = tmp_path / "long"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "-q", "--object-format=sha256")
    sandbox.commit({"a.txt": LINES, "b.txt": LINES})
    bench = Bench(sandbox, sandbox.session())
    bench.amp({"a.txt": lines(_1="one")})
    bench.amp({"c/new": "n\n"})
    bench.on_base({"a.txt": lines(_20="twenty"), "d/new": "n\n"})
    made = squashed(bench)
    put = rewrite.rebase(root, made.tip, bench.base)
    assert isinstance(put, Rewritten)
    with Oracle(bench) as oracle:
        assert bench.tree_of(put.tip) == oracle.rebase(made.tip, bench.base)
    branch_move.move_target(root, "main", bench.base, put.tip)
    assert (root / "c/new").read_text() == "n\n"
    assert proof.proof(root, bench.tip, bench.base).how == "patch-id"
    bench.check()


def test_a_history_that_is_cut_off_is_told(bench: Bench, tmp_path: Path) -> None:
    bench.amp({"a.txt": lines(_1="one")})
    bench.on_base({"b.txt": "b\n"})
    bench.git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{bench.root}", tmp_path / "shallow")
    with pytest.raises(NotFound, match="is shallow"):
        rewrite.squash(tmp_path / "shallow", bench.tip, bench.base, "m")
    with pytest.raises(NotFound, match="is shallow"):
        rewrite.forecast(tmp_path / "shallow", bench.base, bench.tip)


def test_a_branch_of_a_bare_repository_is_moved(bench: Bench, tmp_path: Path) -> None:
    tip = bench.amp({"a.txt": lines(_1="one")})
    bench.git("clone", "-q", "--bare", bench.root, tmp_path / "bare")
    branch_move.move_target(tmp_path / "bare", "main", bench.base, tip)
    assert bench.git("rev-parse", "main", at=tmp_path / "bare") == tip


def test_replaced_commits_are_seen_as_git_sees_them(bench: Bench) -> None:
    first = bench.amp({"a.txt": lines(_1="one")})
    other = bench.git("commit-tree", "-p", bench.base, "-m", "amp: other", bench.tree_of("main"))
    bench.git("replace", first, other)
    made = rewrite.squash(bench.root, bench.tip, bench.base, "m")
    assert isinstance(made, Rewritten)
    assert made.commits == ()


def test_sides_that_merged_each_other_are_squashed_on_the_base(bench: Bench) -> None:
    """Several merge bases: neither side's own tree tells what is new."""
    bench.amp({"a.txt": lines(_1="amp one")})
    bench.on_base({"b.txt": lines(_1="base one")})
    tip, base = bench.tip, bench.base
    bench.git("merge", "-q", "-m", "take in", base, at=bench.at)
    bench.git("merge", "-q", "-m", "take out", tip)
    bench.amp({"new": "n\n"})
    assert len(commit_range.merge_bases(bench.root, bench.base, bench.tip)) == 2
    made = squashed(bench)
    assert bench.git("diff", "--name-only", "main", made.tip) == "new"
    assert bench.sha(f"{made.tip}^") == bench.base


def test_a_forecast_writes_nothing(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_3="amp"), "b.txt": lines(_1="amp")})
    bench.on_base({"a.txt": lines(_3="base"), "b.txt": lines(_20="base")})
    objects = bench.git("count-objects", "-v")
    before = bench.sandbox.untouched()
    seen = rewrite.forecast(bench.root, bench.base, bench.tip)
    assert [(file.path, file.kind) for file in seen.conflicts] == [("a.txt", "content")]
    bench.on_base({"a.txt": lines()})
    objects = bench.git("count-objects", "-v")
    assert rewrite.forecast(bench.root, bench.base, bench.tip).conflicts == ()
    assert bench.git("count-objects", "-v") == objects
    assert before != {}


def test_proofs(bench: Bench) -> None:
    start = bench.base
    assert proof.proof(bench.root, bench.tip, bench.base).how == "ancestor"
    one = bench.amp({"a.txt": lines(_1="one")})
    two = bench.amp({"d/one": "changed\n"})
    left = proof.proof(bench.root, bench.tip, bench.base)
    assert (left.in_base, left.how, left.files) == (False, "not", ("a.txt", "d/one"))
    assert [commit.sha for commit in left.left] == [one, two]
    bench.on_base({"b.txt": lines(_9="base")})
    bench.git("cherry-pick", one)
    part = proof.proof(bench.root, bench.tip, bench.base)
    assert [commit.sha for commit in part.left] == [two]
    assert part.files == ("d/one",)
    bench.git("reset", "-q", "--hard", "HEAD~1")
    put = rewrite.rebase(bench.root, squashed(bench).tip, bench.base)
    assert isinstance(put, Rewritten)
    branch_move.move_target(bench.root, "main", bench.base, put.tip)
    bench.on_base({"later": "l\n"})
    assert proof.proof(bench.root, bench.tip, bench.base).how == "patch-id"
    bench.amp({"unmerged": "u\n"})
    assert not proof.proof(bench.root, bench.tip, bench.base).in_base
    assert proof.proof(bench.root, start, bench.base).how == "ancestor"


def test_work_that_came_into_the_base_in_other_pieces_is_there(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_1="one"), "b.txt": lines(_1="one")})
    bench.amp({"a.txt": lines(_1="two"), "b.txt": lines(_1="two")})
    bench.on_base({"a.txt": lines(_1="two")})
    bench.on_base({"b.txt": lines(_1="two")})
    found = proof.proof(bench.root, bench.tip, bench.base)
    assert (found.in_base, found.how) == (True, "same tree")


def test_backups_are_kept_until_they_are_forgotten(bench: Bench) -> None:
    kept = pinned_refs.backup(bench.root, "0123456789", "20260301-120000", "branch", bench.base)
    assert pinned_refs.backups(bench.root, "0123456789") == (kept,)
    assert pinned_refs.backup(bench.root, "0123456789", "20260301-120000", "branch", bench.base) == kept
    tip = bench.amp({"a.txt": "x\n"})
    with pytest.raises(Refused, match="keeps another commit"):
        pinned_refs.backup(bench.root, "0123456789", "20260301-120000", "branch", tip)
    pinned_refs.forget_backups(bench.root, "0123456789")
    assert pinned_refs.backups(bench.root, "0123456789") == ()
    assert repository.branch_tip(bench.root, "main") == bench.base
    assert not isinstance(kept, RewriteConflict)
