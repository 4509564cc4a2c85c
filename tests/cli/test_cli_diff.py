"""diff, rm and trash: what a session changed, and how it leaves and comes back."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine import redact
from ampsm_engine.cli import output
from ampsm_engine.cli.diff import PatchText, coloured, without_binaries
from ampsm_engine.context import Engine
from ampsm_engine.engine import reviews
from tests.cli.conftest import Ampsm, made, program
from tests.cli.test_cli_output import is_inert
from tests.cli.test_cli_sessions import spawned
from tests.conftest import git
from tests.soak import one_in

KEY = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2


def test_diff_is_a_patch(ampsm: Ampsm, changed: tuple[str, Path], repo: Path) -> None:
    session, _ = changed
    ran = ampsm("diff", session)
    assert (ran.code, ran.err) == (0, "")
    assert "-    return 41\n+    return 42\n" in ran.out
    subprocess.run(["git", "apply", "--check"], cwd=repo, input=ran.out.encode(), check=True)
    assert ampsm("diff", session, "--name-only").out == "app.py\nnew.txt\n"
    assert ampsm("diff", session, "--stat").out.splitlines()[-1] == "2 files, +2 -1"
    assert "new.txt" not in ampsm("diff", session, "--from", "main", "--to", "HEAD", "--name-only").out
    assert ampsm("diff", session, "--uncommitted", "--name-only").out == "new.txt\n"


def test_diff_json(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    ran = ampsm("diff", changed[0], "--json")
    assert (ran.json["version"], ran.json["additions"], ran.json["deletions"]) == (1, 2, 1)
    assert [file["path"] for file in ran.json["files"]] == ["app.py", "new.txt"]


def test_a_session_about_a_folder_shows_that_first_in_every_form_and_says_what_is_elsewhere(
    ampsm: Ampsm, repo: Path
) -> None:
    for name in ("web/x [y]/kept.txt", "web/x [y]/moved.txt", "webs.txt"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text("kept\n" * 9)
    git(repo, "add", "--all")
    git(repo, "commit", "-q", "-m", "Folders")
    made = ampsm("new", "--no-run", "--name", "x", "--repo", str(repo), "--in", "web/x [y]", "--json").json["session"]
    worktree = Path(made["worktreePath"])
    (worktree / "web/x [y]/moved.txt").rename(worktree / "moved.txt")
    for name in ("web/x [y]/new.txt", "web/new.txt", "webs.txt"):
        (worktree / name).write_text("new\n")
    git(worktree, "add", "--all")
    git(worktree, "commit", "-q", "-m", "All over")
    within = ["moved.txt", "web/x [y]/new.txt"]
    everything = [*within[:1], "web/new.txt", *within[1:], "webs.txt"]
    named = ampsm("diff", "x", "--name-only")
    assert (named.out.splitlines(), "2 files changed outside of web/x [y]." in named.err) == (within, True)
    assert ampsm("diff", "x", "--stat").out.splitlines()[-1].startswith("2 files,")
    document = ampsm("diff", "x", "--json").json
    assert ([file["path"] for file in document["files"]], document["elsewhere"]) == (within, 2)
    for form in ((), ("--exact",)):
        patch = ampsm("diff", "x", *form)
        assert re.findall("^diff --git a/(.*) b/", patch.out, re.MULTILINE) == [
            "web/x [y]/moved.txt",
            "web/x [y]/new.txt",
        ]
        assert f"ampsm diff {made['id']} --all" in patch.err
    everywhere = ampsm("diff", "x", "--name-only", "--all")
    assert (everywhere.out.splitlines(), everywhere.err) == (everything, "")
    assert len(re.findall("^diff --git", ampsm("diff", "x", "--all").out, re.MULTILINE)) == 4
    assert ampsm("diff", "x", "--json", "--all").json["elsewhere"] == 0


def test_colour_that_is_forced_reaches_patches_and_tables_in_a_pipe(
    ampsm: Ampsm, changed: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = [("diff", changed[0]), ("diff", changed[0], "--stat")]
    plain = [ampsm(*form).out for form in forms]
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    for form, before in zip(forms, plain, strict=True):
        forced = ampsm(*form).out
        assert "\x1b[32m" in forced
        assert re.sub(r"\x1b\[[\d;]*m", "", forced) == before
    assert ampsm("diff", changed[0], "--exact").out == plain[0]


def test_what_a_diff_hides_is_said(ampsm: Ampsm, changed: tuple[str, Path], repo: Path) -> None:
    session, worktree = changed
    (worktree / "new.txt").write_bytes(f"key = {KEY}\n\x1b[2J\u202e caf\xe9\r\n".encode("latin-1", "replace"))
    (worktree / "bin").write_bytes(bytes(range(256)) * 4)
    ran = ampsm("diff", session)
    assert KEY not in ran.out
    assert is_inert(ran.out, "\n\t")
    assert "secrets are hidden" in ran.err
    assert "made visible" in ran.err
    assert f"ampsm diff {session} --exact" in ran.err


def test_text_in_other_encodings_is_read_as_in_the_app(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    texts = {"latin.txt": ("Café olé", "latin-1"), "kana.txt": ("ひらがなのテキスト", "shift_jis")}
    texts["said.txt"] = ("Привет", "koi8-r")
    for name, (text, encoding) in texts.items():
        (worktree / name).write_bytes(f"{text}\n".encode(encoding))
    (worktree / "mixed.txt").write_bytes("é".encode() + b" \xe9\n")
    (worktree / ".gitattributes").write_text("said.txt encoding=koi8-r\n")
    ran = ampsm("diff", session)
    assert all(f"\n+{text}\n" in ran.out for text, _ in texts.values())
    assert "\n+é \\xe9\n" in ran.out
    assert "Not for `git apply`: text in other encodings is shown in UTF-8, control characters and" in ran.err


def test_secrets_in_names_of_files_are_hidden(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    (worktree / f"{KEY}.txt").write_text("x\n")
    for form in ((), ("--stat",), ("--name-only",), ("--json",), ("--json", "--stat")):
        ran = ampsm("diff", session, *form)
        assert (ran.code, KEY in ran.out + ran.err) == (0, False), form
        assert "redacted" in ran.out
        assert "new.txt" in ran.out
    assert KEY in ampsm("diff", session, "--exact").out
    assert ampsm("diff", session, "--exact", "--json").code == 2


def test_the_exact_patch_gives_the_same_files(
    ampsm: Ampsm, changed: tuple[str, Path], repo: Path, tmp_path: Path
) -> None:
    session, worktree = changed
    content = f"key = {KEY}\n".encode() + b"\x1b[2J caf\xe9\r\n"
    (worktree / "new.txt").write_bytes(content)
    (worktree / "bin").write_bytes(bytes(range(256)) * 4)
    process = program("diff", session, "--exact")
    patch, _ = process.communicate()
    assert process.returncode == 0
    git(repo, "worktree", "add", "-q", "--detach", str(tmp_path / "other"), "main")
    subprocess.run(["git", "apply"], cwd=tmp_path / "other", input=patch, check=True)
    assert (tmp_path / "other" / "new.txt").read_bytes() == content
    assert (tmp_path / "other" / "bin").read_bytes() == bytes(range(256)) * 4


def test_exact_bytes_are_not_for_a_terminal(changed: tuple[str, Path]) -> None:
    child = spawned(80, "diff", changed[0], "--exact")
    shown = child.read()
    child.close()
    assert child.exitstatus == 4
    assert "change.patch" in shown


def test_hostile_file_names_are_inert(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    (worktree / "a\x1b[2J\nb\u202e.txt").write_text("x\n")
    for form in ([], ["--stat"], ["--name-only"]):
        ran = ampsm("diff", session, *form)
        assert ran.code == 0
        assert is_inert(ran.out, "\n\t"), form
    paths = [file["path"] for file in ampsm("diff", session, "--json").json["files"]]
    assert "a\x1b[2J\nb\u202e.txt" in paths


def test_nothing_changed(ampsm: Ampsm, repo: Path) -> None:
    ran = ampsm("diff", made(ampsm, repo))
    assert (ran.code, ran.out, ran.err) == (0, "", "No changes.\n")
    assert list(coloured([])) == []  # or a pager would open for it


def test_the_diff_since_a_review(ampsm: Ampsm, changed: tuple[str, Path], engine: Engine) -> None:
    session, worktree = changed
    ran = ampsm("diff", session, "--since", "looked")
    assert (ran.code, f"ampsm review {session}" in ran.err) == (4, True)
    reviews.keep_looked_tree(engine, session, git(worktree, "rev-parse", "HEAD^{tree}").strip())
    (worktree / "app.py").write_text("def answer() -> int:\n    return 43\n")
    ran = ampsm("diff", session, "--since", "looked")
    assert "-    return 42\n+    return 43\n" in ran.out
    assert ampsm("diff", session, "--since", "looked", "--name-only").out == "app.py\nnew.txt\n"
    assert ampsm("diff", session, "--since", "looked", "--uncommitted").code == 2


def file_patch(name: str, lines: list[str]) -> bytes:
    head = f"diff --git a/{name} b/{name}\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n"
    return (head + "".join(f"+{line}\n" for line in lines)).encode()


def test_the_first_file_is_shown_before_git_has_the_last() -> None:
    given: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(3):
            given.append(number)
            yield file_patch(f"{number}.txt", ["x"])

    pieces = PatchText().pieces(parts())
    assert "0.txt" in next(pieces)
    assert given == [0, 1]
    assert "2.txt" in "".join(pieces)


def test_a_patch_in_parts_reads_as_in_one_piece() -> None:
    many = [f"line {number} " + "word " * 20 for number in range(12_000)]
    many[5_000] = f"key = {KEY}"
    many[9_000] = "\x1b[2J" + "y" * 200_000 + "\u202e é"
    whole = file_patch("a.txt", ["one", f"token: {KEY}"]) + file_patch("b.txt", many) + file_patch("c.txt", ["three"])
    at = iter(range(0, len(whole), 65_537))
    patch = PatchText()
    pieces = list(patch.pieces(whole[start : start + 65_537] for start in at))
    text = redact.text(whole.decode())
    assert KEY not in text
    assert "".join(pieces) == output.clean(text, lines=True)
    assert (patch.hides_secrets, patch.shows_pictures) == (True, True)
    one, all_of_them = "".join(coloured(["".join(pieces)])), "".join(coloured(pieces))
    assert one.replace("\x1b[0m\x1b[32m", "") == all_of_them.replace("\x1b[0m\x1b[32m", "")
    assert one.count("\x1b[32m+") >= 12_000


def test_a_reader_gets_the_sizes_of_binary_files_and_no_base85(repo: Path) -> None:
    body = bytes(range(256)) * 20
    for name in ("gone.bin", "other.bin", "whole.bin"):
        (repo / name).write_bytes(body + name.encode())
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "binaries")
    (repo / "gone.bin").unlink()
    (repo / "other.bin").write_bytes(body[:3000] + b"\0more" + body[3000:])
    (repo / "whole.bin").write_bytes(b"\0" * 7)
    (repo / "z.txt").write_text("GIT binary patch\nliteral 3\n")
    git(repo, "add", ".")
    patch = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=repo, check=True, capture_output=True).stdout
    assert b"\ndelta " in patch
    whole = b"".join(without_binaries([patch]))
    shown = [line for line in whole.decode().split("\n") if line.startswith("binary")]
    assert shown == ["binary, 0 bytes", f"binary, {len(body) + 5} bytes", "binary, 7 bytes"]
    assert "+GIT binary patch\n+literal 3\n" in whole.decode()
    assert whole.count(b"diff --git") == 4
    for step in (1, 17, 100):
        assert b"".join(without_binaries(patch[at : at + step] for at in range(0, len(patch), step))) == whole


def test_who_reads_no_further_is_no_error(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    (worktree / "big.txt").write_text("a line of a large file\n" * 200_000)
    for arguments in ((), ("--exact",)):
        process = program("diff", session, *arguments)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"diff --git")
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (0, b"")
        process.stderr.close()


def test_removal_needs_a_word(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    ran = ampsm("rm", session)
    assert (ran.code, ran.out) == (4, "")
    assert f"ampsm rm {session} --yes" in ran.err
    assert "1 commit" in ran.err
    assert worktree.is_dir()


@pytest.mark.parametrize("answer", one_in(2, ["y", "n", ""]))
def test_at_a_terminal_removal_asks(ampsm: Ampsm, changed: tuple[str, Path], answer: str) -> None:
    session, worktree = changed
    child = spawned(80, "rm", session)
    child.expect_exact("Move this session to the trash? [y/N] ")
    child.sendline(answer)
    child.read()
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 4)
    assert worktree.is_dir() == (answer != "y")


def test_the_trash_gives_everything_back(ampsm: Ampsm, changed: tuple[str, Path], repo: Path) -> None:
    session, worktree = changed
    before = git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")
    ran = ampsm("rm", session, "--yes", "--json")
    assert (ran.code, ran.json["removed"][0]["unmergedCommits"]) == (0, 1), ran
    assert not worktree.exists()
    assert ampsm("ls", "--json").json["sessions"] == []
    assert "trash restore" in ampsm("show", session).err
    assert [one["id"] for one in ampsm("trash", "ls", "--json").json["sessions"]] == [session]
    assert "fix login" in ampsm("trash", "ls").out
    assert ampsm("trash", "restore", "fix login").code == 0
    assert (git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")) == before
    assert ampsm("trash", "restore", session).code == 3


def test_purging_needs_a_word_and_is_for_good(ampsm: Ampsm, changed: tuple[str, Path], repo: Path) -> None:
    session, _ = changed
    ampsm("rm", session, "--yes")
    assert ampsm("trash", "purge").code == 4
    ran = ampsm("trash", "purge", "--yes", "--json")
    assert (ran.code, ran.json["purged"]) == (0, [session])
    assert ampsm("trash", "purge", "--yes").code == 0
    assert ampsm("trash", "restore", session).code == 3
    assert git(repo, "for-each-ref", "refs/ampsm", "refs/heads/amp") == ""


def test_several_are_found_before_one_is_removed(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    assert ampsm("rm", changed[0], "nobody", "--yes").code == 3
    assert changed[1].is_dir()


def test_doctor_and_repair(ampsm: Ampsm, changed: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    session, worktree = changed
    monkeypatch.setenv("AMP_CLI_PATH", "/nowhere/amp")
    ran = ampsm("doctor", "--json")
    assert (ran.code, ran.json["fit"]) == (5, False)
    assert {"git", "amp", "store"} <= {check["name"] for check in ran.json["checks"]}
    assert "/nowhere/amp" in ampsm("doctor").out
    assert ampsm("repair").code == 0
    git(worktree, "worktree", "lock", ".")
    git(worktree, "worktree", "unlock", ".")
    (worktree / "new.txt").unlink()
    git(worktree.parent.parent, "worktree", "remove", "--force", str(worktree))
    ran = ampsm("repair", "--json")
    assert (ran.code, [one["kind"] for one in ran.json["findings"]]) == (1, ["worktree"])
    assert session
    assert ampsm("repair", "--apply").code == 0
    assert worktree.is_dir()
