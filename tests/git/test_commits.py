"""Committing: everything of the agent's gets in, nothing that must stay out does, and a refusal leaves it in place."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine.errors import NotFound
from ampsm_engine.git import commits, repository
from ampsm_engine.git.entities import CommitResult, LeftOut, Worktree
from ampsm_engine.git.unwanted_files import is_secret
from tests.git.sandboxes import Sandbox, has_lfs
from tests.soak import one_in


def commit(
    worktree: Worktree, subject: str = "amp: work", body: str = "", *, hooks: bool = True, **more: float
) -> CommitResult:
    return commits.commit_all(worktree.path, branch=worktree.branch, subject=subject, body=body, hooks=hooks, **more)


def hook(sandbox: Sandbox, name: str, script: str, folder: str = ".git/hooks") -> None:
    path = sandbox.root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def names(sandbox: Sandbox, at: Path, revision: str = "HEAD") -> set[str]:
    return set(sandbox.git("ls-tree", "-r", "-z", "--name-only", revision, at=at).split("\0")) - {""}


@pytest.mark.parametrize("staged", [False, True])
def test_a_new_repository_without_a_checkout_stays_out(sandbox: Sandbox, worktree: Worktree, staged: bool) -> None:
    at = worktree.path
    sandbox.git("clone", "--quiet", "--bare", sandbox.root, at / "copies/project.git")
    sandbox.write({"HEAD": "a file of that name", "docs/HEAD": "another"}, at)
    if staged:
        sandbox.git("add", "--all", at=at)
    made = commit(worktree)
    assert made.left_out == (LeftOut("copies/project.git", "a repository of its own"),)
    assert names(sandbox, at) & {"HEAD", "docs/HEAD"} == {"HEAD", "docs/HEAD"}
    assert not [name for name in names(sandbox, at) if name.startswith("copies/")]


def test_a_clean_worktree_has_nothing_to_commit(sandbox: Sandbox, worktree: Worktree) -> None:
    before = sandbox.git("rev-parse", "HEAD", at=worktree.path)
    assert commit(worktree) == CommitResult(None)
    assert sandbox.git("rev-parse", "HEAD", at=worktree.path) == before


def test_everything_is_committed_and_the_user_notices_nothing(sandbox: Sandbox, worktree: Worktree) -> None:
    before = sandbox.untouched()
    at = worktree.path
    sandbox.write({"new/deep.txt": "1\n", "src/main.py": "changed\n"}, at)
    (at / "src/old.py").unlink()
    (at / "link").symlink_to("README.md")
    (at / "README.md").chmod(0o755)
    made = commit(worktree, "amp: work", "# not a comment\n\nAmp-Thread: T-1")
    assert made.changed_files == 5
    assert made.sha == sandbox.git("rev-parse", "HEAD", at=at)
    assert sandbox.git("status", "--porcelain", at=at) == ""
    assert sandbox.git("log", "-1", "--format=%B", at=at) == "amp: work\n\n# not a comment\n\nAmp-Thread: T-1"
    assert sandbox.git("ls-tree", "HEAD", "link", "README.md", at=at).startswith("100755 blob")
    assert sandbox.git("rev-parse", worktree.branch) == made.sha
    assert sandbox.untouched() == before
    sandbox.check()


def test_what_must_stay_out_stays_out_and_is_told(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"ok.txt": "1", ".env": "S=1", "deploy/server.pem": "k", "AGENT_CONTEXT/SESSION.md": "c"}, at)
    sandbox.git("init", "--quiet", at / "empty-nest")
    sandbox.git("init", "--quiet", at / "nest")
    sandbox.commit({"inner": "1"}, at=at / "nest")
    os.mkfifo(at / "pipe")
    here = Path.cwd()
    os.chdir(at)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("listening.sock")
    finally:
        os.chdir(here)
    made = commit(worktree)
    assert made.changed_files == 1
    assert {item.path for item in made.left_out} == {
        ".env",
        "deploy/server.pem",
        "empty-nest",
        "nest",
        "pipe",
        "listening.sock",
    }
    assert names(sandbox, at) == {"README.md", "src/main.py", "src/old.py", "ok.txt"}


def test_a_secret_that_the_agent_staged_is_unstaged_and_told(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({".env": "S=1", "ok.txt": "1"}, at)
    sandbox.git("init", "--quiet", at / "nest")
    sandbox.commit({"inner": "1"}, at=at / "nest")
    sandbox.git("add", "--all", at=at)
    made = commit(worktree)
    assert {item.path for item in made.left_out} == {".env", "nest"}
    assert names(sandbox, at) >= {"ok.txt"}
    assert not names(sandbox, at) & {".env", "nest"}
    assert (at / ".env").read_text() == "S=1"


def test_only_a_secret_is_nothing_to_commit(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.write({".env": "S=1"}, worktree.path)
    made = commit(worktree)
    assert (made.sha, made.refused) == (None, None)
    assert made.left_out == (LeftOut(".env", "a secrets file that git does not track"),)


def test_a_tracked_secrets_file_is_committed(sandbox: Sandbox) -> None:
    sandbox.commit({".env": "public defaults\n"})
    worktree = sandbox.session()
    sandbox.write({".env": "other defaults\n"}, worktree.path)
    assert commit(worktree).changed_files == 1


def test_what_a_repository_tracks_below_a_folder_of_our_name_is_its_own(sandbox: Sandbox) -> None:
    sandbox.write({"AGENT_CONTEXT/x": "theirs\n", ".worktrees/README": "theirs\n"})
    sandbox.git("add", "--force", "--all")
    sandbox.git("commit", "-qm", "tracked")
    worktree = sandbox.session()
    sandbox.write({"AGENT_CONTEXT/x": "more\n", "AGENT_CONTEXT/SESSION.md": "ours\n", "z": "1"}, worktree.path)
    sandbox.git("add", "--force", "--all", at=worktree.path)
    made = commit(worktree)
    assert made.changed_files == 2
    assert [left.path for left in made.left_out] == ["AGENT_CONTEXT/SESSION.md"]
    assert sandbox.git("show", "HEAD:AGENT_CONTEXT/x", at=worktree.path) == "more"
    assert (worktree.path / "AGENT_CONTEXT/SESSION.md").read_text() == "ours\n"


def test_own_files_that_the_agent_committed_are_taken_out_again(sandbox: Sandbox, worktree: Worktree) -> None:
    base = worktree.head
    sandbox.write({"AGENT_CONTEXT/SESSION.md": "ours\n", "z": "1"}, worktree.path)
    sandbox.git("add", "--force", "--all", at=worktree.path)
    sandbox.git("commit", "-qm", "by the agent", at=worktree.path)
    made = commit(worktree, base=base)
    assert [left.path for left in made.left_out] == ["AGENT_CONTEXT/SESSION.md"]
    assert sandbox.git("diff", "--name-only", base, "HEAD", at=worktree.path) == "z"
    assert (worktree.path / "AGENT_CONTEXT/SESSION.md").read_text() == "ours\n"
    assert commit(worktree, base=base).sha is None


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True), (".env.local", True), (".env-prod", True), ("prod.env", True), (".envrc", True), ("a/b/.ENV", True),
        ("id_rsa", True), ("id_ed25519", True), ("id_rsa.old", True), ("x.pem", True), ("tls/server.key", True), (".netrc", True),
        ("service-account-prod.json", True), ("credentials.json", True), (".npmrc", False), ("secrets.yaml", True),
        (".env.example", False), (".env.sample", False), ("id_rsa.pub", False), ("environment.py", False), ("keyboard.py", False),
        ("monkey", False), ("key", False), (".environment", False), ("secrets.py", False),
        (".dev.vars", True), (".dev.vars.production", True), ("terraform.tfvars", True), ("prod.auto.tfvars", True),
        ("app-firebase-adminsdk-x1-0a.json", True), ("firebase-adminsdk-x.json", True), ("local.settings.json", True),
        (".secrets", True), (".secrets.toml", True), ("deploy_key", True), ("ci-deploy-key", True), ("github_rsa", True),
        ("serviceAccountKey.json", True), ("application_default_credentials.json", True), ("prod.kubeconfig", True),
        ("rootkey.csv", True), ("me_accessKeys.csv", True), (".vault-token", True), ("vault_password.txt", True),
        ("k8s/credentials.yaml", True), ("krb5.keytab", True), (".pgpass", True), ("pgpass.conf", True),
        ("terraform.tfvars.example", False), (".dev.vars.example", False), ("deploy_key.pub", False), ("credentials.py", False),
        (".env~", True), ("#.env#", True), ("..env.swp", True), (".env.swp", True), (".envrc.local", True), ("id_rsa~", True),
        ("credentials.json.bak", True), ("server.key.old", True), ("terraform.tfvars.2024-01-31", True), ("app.snk", True),
        (".env.example.bak", False), ("id_rsa.pub.bak", False), ("README.md~", False), ("~", False), ("#", False), ("v1.2.3", False),
        (".secrets.baseline", False), ("secrets_test.go", False), ("credentials.example.json", False), ("deploy_keys.py", False),
        ("appsettings.json", False), ("variables.tf", False), ("rsa.py", False), ("deploy.key.md", False), ("tfvars.md", False),
    ],
)  # fmt: skip
def test_secrets_files_are_told_by_their_names(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


CONTENTS = {
    ".npmrc": (
        "//registry.npmjs.org/:_authToken=abcdefgh-1234\n",
        "registry=https://registry.npmjs.org/\nsave-exact=true\n",
    ),
    ".npmrc ": ("_auth=bWU6aHVudGVyMg==\n", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"),
    "appsettings.Development.json": (
        '{"ConnectionStrings": {"Db": "Server=x;User Id=sa;Password=hunter2"}}',
        '{"Logging": {"LogLevel": {"Default": "Information"}}, "AllowedHosts": "*"}',
    ),
    "auth.json": (
        '{"http-basic": {"repo.example.org": {"username": "me", "password": "hunter2"}}}',
        '{"login": "Log in", "password": "Password", "forgot_password": "Forgot your password?", "token": "Token"}',
    ),
    "auth.json ": (
        '{"github-oauth": {"github.com": "abcdef0123456789"}}',
        '{"password": "Passwort", "secret": "密码"}',
    ),
    "prod.tfvars": ('region = "eu"\ndb_password = "hunter2"\n', 'region = "eu-west-1"\ninstance_count = 3\n'),
    "application-prod.properties": (
        "spring.datasource.password=hunter2\n",
        "spring.datasource.password=${DB_PASSWORD}\n",
    ),
    "gcp-key.json": ('{"type": "service_account", "private_key_id": "0f1e2d3c4b5a"}', '{"ctrl+a": "select-all"}'),
    "pip.conf": ("[global]\nindex-url = https://me:hunter2@pypi.example.org/simple\n", "[global]\ntimeout = 60\n"),
    "nuget.config": (
        '<add key="ClearTextPassword" value="hunter2" />',
        '<add key="nuget.org" value="https://api.nuget.org/v3/index.json" />',
    ),
    "secrets.yaml": (
        "db:\n  password: hunter2\n",
        "password: ENC[AES256_GCM,data:abc,iv:x,tag:y,type:str]\nsops:\n  version: 3\n",
    ),
    ".kube/config": ("users:\n- user:\n    token: hunter2hunter2hunter2\n", "current-context: kind\n"),
    ".aws/config": ("[default]\naws_secret_access_key = hunter2hunter2\n", "[default]\nregion = eu-west-1\n"),
    ".mcp.json": (
        '{"mcpServers": {"x": {"command": "npx", "env": {"API_KEY": "hunter2-hunter2"}}}}',
        '{"mcpServers": {"x": {"command": "npx", "env": {"API_KEY": "${API_KEY}"}}}}',
    ),
    ".zsh_history": ("mysql -u root -phunter2\n", "ls\nmake test\n"),
    "key.properties": ("storePassword=hunter2\nkeyAlias=upload\n", "keyAlias=upload\n"),
    ".npmrc.bak": ("//registry.npmjs.org/:_authToken=abcdefgh-1234\n", "save-exact=true\n"),
    "terraform.tfvars": ('region = "eu"\n', "$ANSIBLE_VAULT;1.1;AES256\n6136\n"),
}


def test_where_the_name_does_not_decide_the_content_does(sandbox: Sandbox, worktree: Worktree) -> None:
    for number, (name, (secret, harmless)) in enumerate(CONTENTS.items()):
        sandbox.write({f"app/{number}/{name.strip()}": secret, f"lib/{number}/{name.strip()}": harmless}, worktree.path)
    made = commit(worktree)
    wanted = {f"{number}/{name.strip()}" for number, name in enumerate(CONTENTS)}
    assert {left.path for left in made.left_out} == {f"app/{one}" for one in wanted}
    assert set(sandbox.git("show", "--name-only", "--format=", "HEAD", at=worktree.path).split("\n")) == {
        f"lib/{one}" for one in wanted
    }


def test_what_the_agent_staged_is_kept_with_the_rest(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({".gitignore": "*.log\n", "forced.log": "kept\n"}, at)
    sandbox.git("add", "--force", "forced.log", at=at)
    commit(worktree)
    assert "forced.log" in names(sandbox, at)


@pytest.mark.parametrize("place", ["thing", "folder"])
def test_files_and_folders_take_each_others_place(sandbox: Sandbox, place: str) -> None:
    """A secrets file in a folder that took a file's place stays out."""
    sandbox.commit({"thing": "1", "folder/a": "1", "folder/b/c": "1"})
    worktree = sandbox.session()
    at = worktree.path
    if place == "thing":
        (at / "thing").unlink()
        sandbox.write({"thing/.env": "S", "thing/ok": "1"}, at)
    else:
        shutil.rmtree(at / "folder")
        (at / "folder").symlink_to("src")
    made = commit(worktree)
    assert made.refused is None
    assert names(sandbox, at) == {"README.md", "src/main.py", "src/old.py"} | (
        {"thing/ok", "folder/a", "folder/b/c"} if place == "thing" else {"thing", "folder"}
    )


def test_a_file_that_became_a_pipe_does_not_stop_the_rest(sandbox: Sandbox, worktree: Worktree) -> None:
    (worktree.path / "src/old.py").unlink()
    os.mkfifo(worktree.path / "src/old.py")
    sandbox.write({"ok.txt": "1"}, worktree.path)
    made = commit(worktree)
    assert made.changed_files == 1
    assert LeftOut("src/old.py", "a socket, a pipe or a device") in made.left_out


@pytest.mark.parametrize(
    "name",
    [
        b"-dash",
        b"--all",
        b"new\nline",
        b'quo"te',
        b"tab\there",
        b"\xff\xfe",
        b":(glob)**",
        b"*",
        b"back\\slash",
        "漢".encode(),
        b"x" * 255,
    ],
)
def test_any_name_is_committed(sandbox: Sandbox, worktree: Worktree, name: bytes) -> None:
    (worktree.path / os.fsdecode(name)).write_text("x")
    assert commit(worktree).changed_files == 1
    assert os.fsdecode(name) in names(sandbox, worktree.path)


def test_a_great_many_files(sandbox: Sandbox, worktree: Worktree) -> None:
    """More names than a command line holds."""
    for number in range(3_000):
        (worktree.path / f"{'long-name-' * 12}{number}").write_text(str(number))
    assert commit(worktree).changed_files == 3_000


def test_an_executable_bit_alone_is_a_change(sandbox: Sandbox, worktree: Worktree) -> None:
    (worktree.path / "src/main.py").chmod(0o755)
    assert commit(worktree).changed_files == 1


def test_line_endings_follow_the_configuration(sandbox: Sandbox) -> None:
    sandbox.git("config", "core.autocrlf", "true")
    worktree = sandbox.session()
    assert (worktree.path / "README.md").read_bytes() == b"# Project\r\n"
    sandbox.write({"new.txt": "one\r\ntwo\r\n"}, worktree.path)
    assert commit(worktree).changed_files == 1
    assert sandbox.git("cat-file", "blob", "HEAD:new.txt", at=worktree.path) == "one\ntwo"
    assert sandbox.git("status", "--porcelain", at=worktree.path) == ""


class TestHooks:
    def test_a_failing_hook_refuses_and_leaves_everything(self, sandbox: Sandbox, worktree: Worktree) -> None:
        hook(sandbox, "pre-commit", "echo '\033[31mlint: main.py is wrong\033[0m' >&2; exit 1")
        sandbox.write({"x": "1"}, worktree.path)
        made = commit(worktree)
        assert made.sha is None
        assert "lint: main.py is wrong" in (made.refused or "")
        assert "\033" not in (made.refused or "")
        assert made.hint
        assert (worktree.path / "x").read_text() == "1"
        assert sandbox.git("rev-parse", "HEAD", at=worktree.path) == worktree.head

    def test_hooks_can_be_left_out(self, sandbox: Sandbox, worktree: Worktree) -> None:
        for name in ("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit"):
            hook(sandbox, name, f"touch '{sandbox.root}/ran-{name}'; exit 1")
        sandbox.write({"x": "1"}, worktree.path)
        assert commit(worktree, hooks=False).sha
        assert not list(sandbox.root.glob("ran-*"))

    def test_a_hook_may_rewrite_the_message(self, sandbox: Sandbox, worktree: Worktree) -> None:
        hook(sandbox, "commit-msg", 'sed -i "s/^amp:/feat:/" "$1"; echo "Signed-off-by: X <x@y>" >> "$1"')
        sandbox.write({"x": "1"}, worktree.path)
        assert commit(worktree, "amp: one").sha
        assert sandbox.git("log", "-1", "--format=%B", at=worktree.path) == "feat: one\nSigned-off-by: X <x@y>"

    def test_a_hook_may_change_files(self, sandbox: Sandbox, worktree: Worktree) -> None:
        hook(sandbox, "pre-commit", "echo formatted > x; git add x")
        sandbox.write({"x": "1"}, worktree.path)
        made = commit(worktree)
        assert sandbox.git("show", f"{made.sha}:x", at=worktree.path) == "formatted"

    def test_hooks_in_a_folder_of_the_repository(self, sandbox: Sandbox, worktree: Worktree) -> None:
        sandbox.git("config", "core.hooksPath", ".husky")
        sandbox.write({".husky/pre-commit": "#!/bin/sh\necho husky says no >&2\nexit 1\n"}, worktree.path)
        (worktree.path / ".husky/pre-commit").chmod(0o755)
        assert "husky says no" in (commit(worktree).refused or "")

    def test_a_hook_has_no_terminal_and_an_end(self, sandbox: Sandbox, worktree: Worktree) -> None:
        hook(
            sandbox, "pre-commit", f"(: </dev/tty) 2>/dev/null && touch {sandbox.root}/tty; cat; exec tail -f /dev/null"
        )
        sandbox.write({"x": "1"}, worktree.path)
        made = commit(worktree, limit=1.0)
        assert "more than 1 s" in (made.refused or "")
        assert not (sandbox.root / "tty").exists()
        assert not list((sandbox.root / ".git").rglob("index.lock"))
        hook(sandbox, "pre-commit", "exit 0")
        assert commit(worktree).sha

    def test_what_a_hook_leaves_running_holds_nobody_up(self, sandbox: Sandbox, worktree: Worktree) -> None:
        fifo = sandbox.root / "end"
        os.mkfifo(fifo)
        hook(sandbox, "post-commit", f"cat '{fifo}' &")
        sandbox.write({"x": "1"}, worktree.path)
        assert commit(worktree, limit=60.0).sha
        fifo.write_text("go")  # blocks until the one left running reads: it still does


class TestStates:
    def test_conflicts_are_refused(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        sandbox.write({"README.md": "theirs\n"}, at)
        sandbox.git("stash", "--quiet", at=at)
        sandbox.commit({"README.md": "ours\n"}, at=at)
        with pytest.raises(AssertionError):
            sandbox.git("stash", "pop", at=at)
        made = commit(worktree)
        assert "conflicts in 'README.md'" in (made.refused or "")
        assert "<<<<<<<" in (at / "README.md").read_text()

    @pytest.mark.parametrize("operation", one_in(3, ["rebase", "merge", "cherry-pick", "revert", "am", "bisect"]))
    def test_an_operation_in_progress_is_refused(self, sandbox: Sandbox, worktree: Worktree, operation: str) -> None:
        at = worktree.path
        first = sandbox.commit({"README.md": "one\n"}, at=at)
        sandbox.commit({"README.md": "two\n"}, at=at)
        other = sandbox.commit({"README.md": "other\n"})
        (sandbox.root.parent / "p.patch").write_text(sandbox.git("format-patch", "-1", "--stdout", other) + "\n")
        arguments = {
            "rebase": ["rebase", "main"], "merge": ["merge", "main"], "cherry-pick": ["cherry-pick", other],
            "revert": ["revert", "--no-edit", first], "am": ["am", "../../../p.patch"], "bisect": ["bisect", "start"],
        }[operation]  # fmt: skip
        subprocess.run(["git", "-C", at, *arguments], capture_output=True, check=False)
        before = sandbox.git("status", "--porcelain=v2", "--branch", at=at)
        assert repository.is_busy(at) == operation
        made = commit(worktree)
        assert f"{operation} is in progress" in (made.refused or "")
        assert f"git -C {at} " in made.hint
        assert sandbox.git("status", "--porcelain=v2", "--branch", at=at) == before

    def test_a_locked_index_is_refused_and_its_holder_named(self, sandbox: Sandbox, worktree: Worktree) -> None:
        lock = repository.git_dir(worktree.path) / "index.lock"
        sandbox.write({"x": "1"}, worktree.path)
        lock.touch()
        made = commit(worktree, patience=0)
        assert "locked by somebody" in (made.refused or "")
        assert f"rm {lock}" in made.hint
        code = "import sys; held = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
        holder = subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline()
            assert f"process {holder.pid}" in (commit(worktree, patience=0).refused or "")
        finally:
            holder.communicate()
        assert lock.exists()
        lock.unlink()
        assert commit(worktree).sha

    def test_a_lost_worktree_is_not_found(self, worktree: Worktree) -> None:
        shutil.rmtree(worktree.path)
        with pytest.raises(NotFound, match="gone"):
            commit(worktree)

    def test_a_submodules_new_commit_gets_in_and_its_changes_are_told(self, sandbox: Sandbox, tmp_path: Path) -> None:
        library = Sandbox(tmp_path / "library")
        library.root.mkdir()
        library.git("init", "--quiet")
        library.commit({"lib.txt": "1"})
        sandbox.git("submodule", "--quiet", "add", str(library.root), "lib")
        sandbox.commit()
        worktree = sandbox.session()
        assert list((worktree.path / "lib").iterdir()) == []
        sandbox.git("submodule", "--quiet", "update", "--init", at=worktree.path)
        sandbox.write({"dirty": "1"}, worktree.path / "lib")
        made = commit(worktree)
        assert made.sha is None
        assert [item.path for item in made.left_out] == ["lib"]
        inner = sandbox.commit({"more": "2"}, at=worktree.path / "lib")
        assert commit(worktree).changed_files == 1
        assert sandbox.git("rev-parse", "HEAD:lib", at=worktree.path) == inner

    def test_a_submodule_that_the_agent_adds_gets_in(self, sandbox: Sandbox, tmp_path: Path) -> None:
        library = Sandbox(tmp_path / "library")
        library.root.mkdir()
        library.git("init", "--quiet")
        tip = library.commit({"lib.txt": "1"})
        worktree = sandbox.session()
        sandbox.git("submodule", "--quiet", "add", str(library.root), "vendor/lib", at=worktree.path)
        made = commit(worktree)
        assert made.left_out == ()
        assert sandbox.git("rev-parse", "HEAD:vendor/lib", at=worktree.path) == tip


class TestPrograms:
    def test_a_configured_filter_cleans_what_is_committed(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "filter.shout.clean", "tr a-z A-Z")
        sandbox.git("config", "filter.shout.smudge", "tr A-Z a-z")
        sandbox.commit({".gitattributes": "*.shout filter=shout\n", "old.shout": "loud\n"})
        worktree = sandbox.session()
        assert (worktree.path / "old.shout").read_text() == "loud\n"
        sandbox.write({"new.shout": "quiet\n"}, worktree.path)
        assert commit(worktree).changed_files == 1
        assert sandbox.git("cat-file", "blob", "HEAD:new.shout", at=worktree.path) == "QUIET"
        assert sandbox.git("cat-file", "blob", "HEAD:old.shout", at=worktree.path) == "LOUD"

    def test_a_required_filter_that_fails_refuses(self, sandbox: Sandbox, worktree: Worktree) -> None:
        sandbox.git("config", "filter.broken.clean", "false")
        sandbox.git("config", "filter.broken.required", "true")
        sandbox.write({".gitattributes": "*.bin filter=broken\n", "x.bin": "1"}, worktree.path)
        made = commit(worktree)
        assert "x.bin" in (made.refused or "")
        assert (worktree.path / "x.bin").read_text() == "1"

    @pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
    def test_large_file_storage_gets_pointers(self, sandbox: Sandbox) -> None:
        sandbox.git("lfs", "install", "--local")
        sandbox.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin": b"\0" * 1000})
        worktree = sandbox.session()
        assert (worktree.path / "a.bin").read_bytes() == b"\0" * 1000
        sandbox.write({"b.bin": b"\1" * 1000}, worktree.path)
        assert commit(worktree).changed_files == 1
        assert sandbox.git("cat-file", "blob", "HEAD:b.bin", at=worktree.path).startswith("version https://git-lfs")
        assert sandbox.git("status", "--porcelain", at=worktree.path) == ""

    @pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
    def test_commits_are_signed_where_the_user_signs(
        self, sandbox: Sandbox, worktree: Worktree, tmp_path: Path
    ) -> None:
        key = tmp_path / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        allowed = tmp_path / "allowed"
        allowed.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
        for name, value in {
            "gpg.format": "ssh", "user.signingKey": str(key), "commit.gpgSign": "true", "gpg.ssh.allowedSignersFile": str(allowed),
        }.items():  # fmt: skip
            sandbox.git("config", name, value)
        sandbox.write({"x": "1"}, worktree.path)
        made = commit(worktree)
        sandbox.git("verify-commit", made.sha or "", at=worktree.path)
        key.unlink()
        sandbox.write({"y": "1"}, worktree.path)
        refused = commit(worktree)
        assert refused.refused
        assert (worktree.path / "y").exists()

    def test_without_an_identity_the_commit_is_ours(self, sandbox: Sandbox, worktree: Worktree) -> None:
        Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("[user]\n\tuseConfigOnly = true\n\tname = Grace\n")
        sandbox.write({"x": "1"}, worktree.path)
        before = (sandbox.root / ".git/config").read_bytes()
        made = commit(worktree)
        assert "ampsm@localhost" in (made.note or "")
        assert sandbox.git("log", "-1", "--format=%an <%ae>", at=worktree.path) == "Grace <ampsm@localhost>"
        assert (sandbox.root / ".git/config").read_bytes() == before

    def test_a_git_around_us_does_not_reach_in(
        self, sandbox: Sandbox, worktree: Worktree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """As when ampsm is called from a hook: its variables point at another repository and another time."""
        monkeypatch.setenv("GIT_DIR", str(sandbox.root / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("GIT_WORK_TREE", str(sandbox.root))
        monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
        sandbox.write({"x": "1"}, worktree.path)
        made = commit(worktree)
        for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_AUTHOR_DATE"):
            monkeypatch.delenv(name)
        assert sandbox.git("rev-parse", worktree.branch) == made.sha
        assert not sandbox.git("log", "-1", "--format=%aI", made.sha or "").startswith("2001")
        assert not (tmp_path / "elsewhere").exists()

    def test_the_message_is_redacted_and_whole(self, sandbox: Sandbox, worktree: Worktree) -> None:
        sandbox.git("config", "i18n.commitEncoding", "ISO-8859-1")
        sandbox.git("config", "commit.template", "/nowhere")
        sandbox.git("config", "core.commentChar", "a")
        sandbox.git("config", "commit.cleanup", "strip")
        sandbox.write({"x": "1"}, worktree.path)
        token = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
        made = commit(worktree, "amp: Ω\nsecond\0", f"\ud800 lone {token}\n\nas it is\n# too")
        assert made.refused is None
        message = sandbox.git("log", "-1", "--format=%B", "--encoding=UTF-8", at=worktree.path)
        assert message.endswith("\n\nas it is\n# too")
        assert message.startswith("amp: Ω second\n\n? lone ")
        assert token not in message


class TestStanding:
    """Where the agent left HEAD."""

    def test_no_branch_of_the_users_moves(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        sandbox.git("branch", "develop", sandbox.commit({"d": "1"}))
        sandbox.git("checkout", "--quiet", "develop", at=at)
        develop = sandbox.git("rev-parse", "develop")
        sandbox.write({"x": "1"}, at)
        made = commit(worktree)
        assert made.sha
        assert "develop" in (made.note or "")
        assert sandbox.git("rev-parse", "develop") == develop
        told = commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1")
        # develop holds the branch's start, so the work can go to the session's branch
        assert worktree.branch in (told or "")
        assert sandbox.git("rev-parse", worktree.branch) == made.sha
        assert commits.head(at).branch == worktree.branch

    def test_a_refusal_leaves_head_on_its_branch(self, sandbox: Sandbox, worktree: Worktree) -> None:
        hook(sandbox, "pre-commit", "exit 1")
        sandbox.git("checkout", "--quiet", "-b", "side", at=worktree.path)
        sandbox.write({"x": "1"}, worktree.path)
        assert commit(worktree).refused
        assert commits.head(worktree.path).branch == "side"

    def test_a_detached_head_comes_back_to_its_branch(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        sandbox.git("checkout", "--quiet", "--detach", at=at)
        tip = sandbox.commit({"x": "1"}, at=at)
        told = commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1")
        assert told == f"HEAD was detached; the work there is on {worktree.branch} again."
        assert commits.head(at) == commits.Head(tip, worktree.branch)
        assert sandbox.git("status", "--porcelain", at=at) == ""
        assert sandbox.git("rev-list", f"{worktree.head}..{worktree.branch}", at=at) == tip
        assert (
            commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1") is None
        )

    def test_work_elsewhere_is_kept_under_a_ref(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        on_branch = sandbox.commit({"x": "1"}, at=at)
        sandbox.git("checkout", "--quiet", "--detach", "HEAD~1", at=at)
        apart = sandbox.commit({"y": "1"}, at=at)
        told = commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1")
        assert "refs/ampsm/stray/it1" in (told or "")
        assert sandbox.git("rev-parse", "refs/ampsm/stray/it1") == apart
        assert sandbox.git("rev-parse", worktree.branch) == on_branch

    @pytest.mark.parametrize("dirty", [False, True])
    def test_an_older_commit_left_checked_out(self, sandbox: Sandbox, worktree: Worktree, dirty: bool) -> None:
        at = worktree.path
        sandbox.commit({"x": "1"}, at=at)
        sandbox.git("checkout", "--quiet", "--detach", "HEAD~1", at=at)
        if dirty:
            sandbox.write({"y": "1"}, at)
        assert commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1")
        assert (commits.head(at).branch is None) is dirty
        assert (at / "x").exists() is not dirty

    def test_a_rewritten_branch_keeps_what_was(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        start = sandbox.commit({"x": "1"}, at=at)
        sandbox.git("commit", "--quiet", "--amend", "-m", "rewritten", at=at)
        told = commits.keep_commits_off_branch(at, branch=worktree.branch, start=start, iteration_id="it1")
        assert "was rewritten" in (told or "")
        assert sandbox.git("rev-parse", "refs/ampsm/stray/it1-before") == start

    def test_a_renamed_branch_is_made_again(self, sandbox: Sandbox, worktree: Worktree) -> None:
        at = worktree.path
        sandbox.git("branch", "-m", "feature/mine", at=at)
        tip = sandbox.commit({"x": "1"}, at=at)
        assert commits.keep_commits_off_branch(at, branch=worktree.branch, start=worktree.head, iteration_id="it1")
        assert sandbox.git("rev-parse", worktree.branch) == tip
        assert commits.head(at).branch == worktree.branch


CAUSES = {
    "signing": ("", "could not sign", "gpg"),
    "pre-commit": ("echo 'fatal: no space left on device' >&2; exit 1", "hook refused the commit", "commit.hooks"),
    "commit-msg": ("echo 'type may not be empty [type-empty]'; exit 1", "hook refused the message", "commit.subject"),
}


@pytest.mark.parametrize("cause", one_in(3, CAUSES))
def test_why_git_made_no_commit_comes_from_what_it_said(sandbox: Sandbox, worktree: Worktree, cause: str) -> None:
    script, text, hint = CAUSES[cause]
    if script:
        hook(sandbox, cause, script)
    else:
        hook(sandbox, "pre-commit", "exit 0")
        sandbox.git("config", "commit.gpgSign", "true")
        sandbox.git("config", "gpg.program", "false")
    sandbox.write({"a": "1"}, worktree.path)
    made = commit(worktree)
    assert made.sha is None
    assert text in str(made.refused)
    assert hint in made.hint
    assert ("commit.hooks" in made.hint) is bool(script)


def test_a_monitor_that_answers_wrongly_hides_no_change(sandbox: Sandbox, worktree: Worktree, tmp_path: Path) -> None:
    monitor = tmp_path / "monitor"
    monitor.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    monitor.chmod(0o755)
    sandbox.git("config", "core.fsmonitor", str(monitor))
    sandbox.git("status", at=worktree.path)
    sandbox.write({"README.md": "changed\n"}, worktree.path)
    assert sandbox.git("status", "--porcelain", at=worktree.path) == ""
    made = commit(worktree)
    assert made.changed_files == 1
    assert sandbox.git("show", "HEAD:README.md", at=worktree.path) == "changed"


def test_a_name_in_another_case_is_another_file_here(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.git("config", "core.ignoreCase", "true")
    (worktree.path / "README.md").rename(worktree.path / "readme.md")
    assert commit(worktree).changed_files == 2
    assert "readme.md" in sandbox.git("ls-tree", "--name-only", "HEAD", at=worktree.path).split()


@pytest.mark.parametrize("flags", [("assume-unchanged",), ("skip-worktree",), ("assume-unchanged", "skip-worktree")])
def test_changes_that_git_was_told_to_overlook_are_named(
    sandbox: Sandbox, worktree: Worktree, flags: tuple[str, ...]
) -> None:
    for flag in flags:
        sandbox.git("update-index", f"--{flag}", "README.md", "src/old.py", at=worktree.path)
    sandbox.write({"README.md": "changed\n"}, worktree.path)
    made = commit(worktree)
    assert (made.sha, made.refused) == (None, None)
    assert [left.path for left in made.left_out] == ["README.md"]
    assert flags[-1] in made.left_out[0].reason
