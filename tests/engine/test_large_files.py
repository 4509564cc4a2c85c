"""Repositories with large file storage: sessions have the files themselves, or are told why they have pointers.

By git-lfs where it is installed, and by a stand-in that keeps the same pointers and objects, for git the same filter.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import sessions
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import Failed
from ampsm_engine.model import LACKS
from tests.conftest import git

STAND_IN = """#!/bin/sh
# git-lfs as far as git asks for it: clean, smudge, push --all REMOTE
store=$(git rev-parse --path-format=absolute --git-common-dir)/lfs/objects
remote=$(git config remote.origin.url)/lfs/objects
case $1 in
clean)
    mkdir -p "$store"
    taken=$(mktemp "$store/XXXXXX")
    cat > "$taken"
    oid=$(sha256sum < "$taken" | cut -c -64)
    printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %d\\n' "$oid" "$(wc -c < "$taken")"
    mkdir -p "$store/$(echo "$oid" | cut -c -2)/$(echo "$oid" | cut -c 3-4)"
    mv "$taken" "$store/$(echo "$oid" | cut -c -2)/$(echo "$oid" | cut -c 3-4)/$oid" ;;
smudge)
    pointer=$(cat)
    if [ "$GIT_LFS_SKIP_SMUDGE" = 1 ]; then printf '%s\\n' "$pointer"; exit; fi
    oid=$(echo "$pointer" | sed -n 's/^oid sha256://p')
    for place in "$store" "$remote"; do
        file=$place/$(echo "$oid" | cut -c -2)/$(echo "$oid" | cut -c 3-4)/$oid
        if [ -f "$file" ]; then exec cat "$file"; fi
    done
    echo "Object does not exist on the server: $oid" >&2
    exit 2 ;;
push) mkdir -p "$remote" && cp -r "$store/." "$remote" ;;
esac
"""


@pytest.fixture(params=["stand-in", *(["git-lfs"] if shutil.which("git-lfs") else [])])
def engine(request: pytest.FixtureRequest, hermetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine, with a git-lfs that git knows as `git lfs install` has it."""
    if request.param == "stand-in":
        program = tmp_path / "bin" / "git-lfs"
        program.parent.mkdir()
        program.write_text(STAND_IN)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    for name in ("clean", "smudge"):
        git(tmp_path, "config", "--global", f"filter.lfs.{name}", f"git-lfs {name} -- %f")
    git(tmp_path, "config", "--global", "filter.lfs.required", "true")
    return open_engine()


@pytest.fixture
def clone(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone without the content, whose remote is a folder; its own test reads a large file and a submodule."""
    for name in ("library", "shop"):
        git(tmp_path, "init", "--quiet", name)
    library, shop = tmp_path / "library", tmp_path / "shop"
    (library / "lib.txt").write_text("lib\n")
    git(library, "add", "--all")
    git(library, "commit", "--quiet", "-m", "Begin")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    (shop / "assets").mkdir()
    (shop / "assets" / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (shop / "assets" / "big.bin").write_bytes(bytes(range(256)) * 400)
    (shop / "test.sh").write_text("test $(wc -c < assets/big.bin) -eq 102400 && test -s vendor/lib/lib.txt\n")
    git(shop, "submodule", "--quiet", "add", library, "vendor/lib")
    git(shop, "add", "--all")
    git(shop, "commit", "--quiet", "-m", "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", shop, "remote")
    git(shop, "remote", "add", "origin", tmp_path / "remote")
    git(shop, "lfs", "push", "--all", "origin")
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    git(tmp_path, "clone", "--quiet", "--recurse-submodules", tmp_path / "remote", "clone")
    monkeypatch.delenv("GIT_LFS_SKIP_SMUDGE")
    assert (tmp_path / "clone" / "assets" / "big.bin").read_bytes().startswith(b"version ")
    return tmp_path / "clone"


def begun(engine: Engine, clone: Path) -> tuple[Path, str]:
    """A new session's worktree, and all that it is said to lack."""
    session, _ = sessions.new(engine, path=clone, prompt=None, name="x", run=False)
    facts = engine.store.facts.read(session_id=session.id, kinds=LACKS)
    return Path(session.worktree_path), " ".join(fact.text for fact in facts)


def test_a_worktree_has_the_files_themselves_and_its_own_test_passes_at_once(engine: Engine, clone: Path) -> None:
    worktree, lacks = begun(engine, clone)
    subprocess.run(["sh", "test.sh"], cwd=worktree, check=True)
    assert git(worktree, "status", "--porcelain") == ""
    assert "pointers" not in lacks


def test_a_content_that_is_nowhere_is_told_with_a_way_that_works(
    engine: Engine, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(clone.parent / "remote" / "lfs")
    before = git(clone, "worktree", "list"), git(clone, "for-each-ref")
    with pytest.raises(Failed, match="git-lfs could not fill") as why:
        begun(engine, clone)
    assert (git(clone, "worktree", "list"), git(clone, "for-each-ref")) == before
    assert "GIT_LFS_SKIP_SMUDGE=1 ampsm new" in why.value.hint
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    worktree, lacks = begun(engine, clone)
    told = "Files of large file storage are pointers here, their content was not fetched (assets/big.bin)."
    assert f"{told} To fill them: git -C {worktree} lfs pull" in lacks


def test_a_filter_that_git_does_not_know_is_told(engine: Engine, clone: Path) -> None:
    git(clone, "config", "--global", "--remove-section", "filter.lfs")
    worktree, lacks = begun(engine, clone)
    way = f"git does not know its filter (assets/big.bin). To fill them: git lfs install && git -C {worktree} lfs pull"
    # Only where git-lfs has worked before are other attributes than those at the top looked for.
    assert (way in lacks) == (clone / ".git" / "lfs").exists()
    (clone / ".gitattributes").write_text("*.bin filter=lfs\n")
    git(clone, "add", ".gitattributes")
    git(clone, "commit", "--quiet", "-m", "Ask at the top")
    assert "git does not know its filter (assets/big.bin)" in begun(engine, clone)[1]
