"""git compares a new worktree with its commit wherever hooks and conversions may have changed a file, and only there."""

from collections.abc import Callable

import pytest

from ampsm_engine.git import fresh_checkout, repository
from ampsm_engine.git.entities import Worktree
from tests.git.sandboxes import Sandbox

LIMIT = 60.0


def looked(sandbox: Sandbox, made: Worktree) -> tuple[bool, bool]:
    """Whether a new worktree is taken for plain, and whether it is then taken for clean."""
    settings = fresh_checkout.begin_asking_settings(made.path).wait(LIMIT)
    plain = fresh_checkout.is_plain(repository.common_dir(sandbox.root), made.path, settings)
    return plain, fresh_checkout.is_clean(fresh_checkout.begin_looking(made.path, plain=plain).wait(LIMIT))


def differs(sandbox: Sandbox, made: Worktree) -> bool:
    return bool(sandbox.git("status", "--porcelain", at=made.path))


def nested_attributes(sandbox: Sandbox) -> None:
    sandbox.commit({"src/lines.txt": "a\r\nb\r\n"})
    sandbox.commit({"src/.gitattributes": "*.txt text\n"})


def own_attributes(sandbox: Sandbox) -> None:
    sandbox.commit({"lines.txt": "a\r\nb\r\n"})
    (sandbox.root / ".git/info").mkdir(exist_ok=True)
    (sandbox.root / ".git/info/attributes").write_text("*.txt text eol=lf\n")


def attributes_of_the_user(sandbox: Sandbox) -> None:
    sandbox.commit({"lines.txt": "a\r\nb\r\n"})
    place = sandbox.root / ".git/of-the-user"
    place.write_text("*.txt text\n")
    sandbox.git("config", "core.attributesFile", place)


def a_filter(sandbox: Sandbox) -> None:
    sandbox.git("config", "filter.shout.smudge", "tr a-z A-Z")
    sandbox.git("config", "filter.shout.clean", "cat")
    sandbox.commit({"src/word.txt": "quiet\n"})
    sandbox.commit({"src/.gitattributes": "word.txt filter=shout\n"})


def a_hook(sandbox: Sandbox) -> None:
    hook = sandbox.root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho made > made.txt\n")
    hook.chmod(0o755)


def a_hook_elsewhere(sandbox: Sandbox) -> None:
    a_hook(sandbox)
    (sandbox.root / ".git/hooks").rename(sandbox.root / ".git/elsewhere")
    sandbox.git("config", "core.hooksPath", sandbox.root / ".git/elsewhere")


@pytest.mark.parametrize(
    "make", [nested_attributes, own_attributes, attributes_of_the_user, a_filter, a_hook, a_hook_elsewhere]
)
def test_what_hooks_and_conversions_may_have_changed_git_is_asked(
    sandbox: Sandbox, make: Callable[[Sandbox], None]
) -> None:
    make(sandbox)
    assert looked(sandbox, sandbox.session()) != (True, True)


@pytest.mark.parametrize(
    ("name", "value"), [("core.autocrlf", "input"), ("core.eol", "crlf"), ("core.symlinks", "false")]
)
def test_settings_that_touch_files_leave_the_question_to_git(sandbox: Sandbox, name: str, value: str) -> None:
    sandbox.git("config", name, value)
    plain, clean = looked(sandbox, sandbox.session())
    assert not plain
    assert clean


def test_git_compares_nothing_where_nothing_can_have_been_changed(sandbox: Sandbox) -> None:
    sandbox.commit({"src/.gitattributes": "*.py diff=python\n"})  # says how a diff looks, and converts nothing
    made = sandbox.session()
    assert not differs(sandbox, made)
    assert looked(sandbox, made) == (True, True)


def test_attributes_at_the_top_leave_the_question_to_git(sandbox: Sandbox) -> None:
    sandbox.commit({".gitattributes": "*.py text=auto\n"})
    assert looked(sandbox, sandbox.session()) == (False, True)
