"""Plans: those of the predecessor as they are, and every error of a wrong one with its line."""

import os
import shutil
from pathlib import Path

import pytest

from ampsm_engine.batch import plan
from ampsm_engine.batch.plan_reader import PlanRefused
from ampsm_engine.batch.values import Plan
from ampsm_engine.errors import Refused
from tests.conftest import git


@pytest.fixture
def place(hermetic: Path, repo: Path) -> Path:
    """The folder of the plan, with a repository called `repo` in it."""
    place = repo.parent / "plans"
    shutil.copytree(repo, place / "repo")
    return place


def read(place: Path, text: str) -> Plan:
    return plan.read(text, place / "plan.yaml")


def errors(place: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(PlanRefused) as told:
        read(place, text)
    for line, error in told.value.errors:
        assert f"line {line}: {error}" in told.value.message or not line
    return [(line, error) for line, error in told.value.errors]


PREDECESSOR = """
runId: optional-string        # auto-generate if missing
concurrency: 2
defaults:
  baseBranch: main
  scriptCommand: "pnpm -w test"
  model: gpt-5                # maps to --try-gpt5 via AmpAdapter
  jsonLogs: true
  timeoutSec: 900
  retries: 1                  # not implemented yet
  mergeOnPass: false          # do NOT merge by default
matrix:
  - repo: {repo}
    prompt: "Implement feature A"
  - repo: {repo}
    prompt: |
      Refactor module B
      and its tests
    baseBranch: develop       # override default
    scriptCommand: "npm test" # override default
    model: alloy
    mergeOnPass: true        # override default
"""


def test_a_plan_of_the_predecessor_is_read_as_it_is(place: Path) -> None:
    git(place / "repo", "branch", "develop")
    found = read(place, PREDECESSOR.format(repo=place / "repo"))
    assert (found.run_id, found.name, found.concurrency) == ("optional-string", "optional-string", 2)
    first, second = (planned.spec for planned in found.items)
    assert (first.base_branch, first.script_command, first.model) == ("main", "pnpm -w test", "gpt-5")
    assert (first.timeout_sec, first.retries, first.merge_on_pass) == (900, 1, False)
    assert (second.base_branch, second.script_command, second.model) == ("develop", "npm test", "alloy")
    assert (second.merge_on_pass, second.timeout_sec) == (True, 900)
    assert second.prompt == "Refactor module B\nand its tests\n"


def test_what_a_plan_means_is_what_it_says(place: Path) -> None:
    (place / "task.md").write_text("From a file.\n")
    text = """
    matrix:
      - {repo: repo, prompt: yes, followUpPrompts: [1.20, {file: task.md}], model: null}
      - &again {repo: ./repo, promptFile: task.md, retries: 0}
      - {<<: *again, name: Once more, retries: 2}
    """
    first, second, third = (planned.spec for planned in read(place, text).items)
    assert (first.prompt, first.follow_up_prompts, first.model) == ("yes", ("1.20", "From a file.\n"), None)
    assert (second.prompt, second.retries, second.repo) == ("From a file.\n", 0, str(place / "repo"))
    assert (third.name, third.retries, third.prompt) == ("Once more", 2, "From a file.\n")


def test_axes_multiply_and_name_their_variants(place: Path) -> None:
    git(place / "repo", "branch", "old")
    text = """
    matrix:
      - repo: repo
        prompt: Speed it up
        axes: {model: [medium, high], baseBranch: [main, old], copies: 2}
      - repo: repo
        prompt: Alone
    """
    items = read(place, text).items
    assert len(items) == 9
    assert items[0].spec.name == "Speed it up (main, medium, #1)"
    assert [(one.spec.base_branch, one.spec.model) for one in items[:8:2]] == [
        ("main", "medium"), ("main", "high"), ("old", "medium"), ("old", "high")
    ]  # fmt: skip
    assert {one.variant_of for one in items[:8]} == {1}
    assert (items[8].variant_of, items[8].line) == (None, 6)


def test_repositories_come_by_pattern_and_from_a_file(place: Path) -> None:
    for name in ("web-a", "web-b", "web-none"):
        (place / name).mkdir()
    for name in ("web-a", "web-b"):
        git(place / name, "init", "-q", "-b", "main")
        git(place / name, "commit", "-q", "--allow-empty", "-m", "Begin")
    (place / "repos.txt").write_text("# ours\n\nweb-b\nrepo\n")
    text = """
    matrix:
      - {repo: web-*, prompt: One}
      - {repoFile: repos.txt, prompt: Two}
      - {repo: [repo, web-a], prompt: Three, axes: {copies: 2}}
    """
    found = [(Path(one.spec.repo).name, one.spec.name) for one in read(place, text).items]
    assert found[:4] == [
        ("web-a", "One (web-a)"), ("web-b", "One (web-b)"), ("web-b", "Two (web-b)"), ("repo", "Two (repo)")
    ]  # fmt: skip
    assert found[4:] == [(name, f"Three ({name}, #{copy})") for name in ("repo", "web-a") for copy in (1, 2)]
    assert [one.variant_of for one in read(place, text).items[4:]] == [5, 5, 7, 7]


def test_lengths_of_time_are_read_as_people_say_them(place: Path) -> None:
    found = read(
        place,
        "defaults: {timeout: 1h 30m}\nlimits: {wallTime: 2 hours}\nmatrix:\n"
        "  - {repo: repo, prompt: Go}\n  - {repo: repo, prompt: On, timeoutSec: 900, scriptTimeout: 90s}\n",
    )
    first, second = (planned.spec for planned in found.items)
    assert (first.timeout_sec, second.timeout_sec, second.script_timeout_sec) == (5400, 900, 90)
    assert found.limits.wall_time_sec == 7200


WRONG = {
    "no YAML": ("matrix:\n  - {repo: repo, prompt: 'x\n", [(3, "This is not YAML")]),
    "no mapping": ("- repo: repo\n", [(1, "A plan has fields")]),
    "no matrix": ("concurrency: 2\n", [(1, "no matrix")]),
    "an empty matrix": ("concurrency: 2\nmatrix: []\n", [(2, "matrix takes a list with at least one item")]),
    "unknown fields": (
        "concurency: 2\ndefaults:\n  timeoutSecs: 3\nmatrix:\n  - repo: repo\n    promt: Go\n    shape: round\n",
        [(1, "Did you mean concurrency?"), (3, "Did you mean timeoutSec?"), (6, "Did you mean prompt?"), (7, "It knows")],
    ),
    "wrong kinds": (
        (
            "concurrency: many\ndefaults:\n  retries: -1\n  mergeOnPass: perhaps\nmatrix:\n  - repo: repo\n"
            "    prompt: [a]\n    timeoutSec: 0\n    followUpPrompts: one\n"
        ),
        [
            (1, "concurrency takes a whole number of at least 1, not 'many'"),
            (3, "retries takes a whole number of at least 0, not '-1'"),
            (4, "mergeOnPass takes true or false, not 'perhaps'"),
            (7, "prompt takes text, not a list"),
            (8, "timeoutSec takes a number above 0"),
            (9, "followUpPrompts takes a list of prompts"),
        ],
    ),
    "wrong lengths of time": (
        (
            "defaults:\n  timeout: soon\n  scriptTimeout: 0\nlimits:\n  wallTime: 1h 2h\nmatrix:\n  - repo: repo\n"
            "    prompt: Go\n    timeout: 1h\n    timeoutSec: 90\n"
        ),
        [
            (2, "timeout takes a length of time such as 90s, 10m or 1h 30m, not 'soon'"),
            (3, "scriptTimeout takes a length of time"),
            (5, "wallTime takes a length of time"),
            (10, "timeoutSec and timeout say the same"),
        ],
    ),
    "what is missing": (
        "matrix:\n  - repo: repo\n  - prompt: Go\n  - {repo: repo, prompt: ''}\n  - {}\n",
        [(2, "The item has no prompt"), (3, "The item has no repo"), (4, "prompt"), (5, "no prompt"), (5, "no repo")],
    ),
    "numbers in quotes": (
        "concurrency: '2'\nmatrix:\n  - repo: repo\n    prompt: Go\n    mergeOnPass: \"true\"\n",
        [(1, "of at least 1 without quotes, not '2'"), (5, "true or false without quotes, not 'true'")],
    ),
    "control characters": ("matrix:\n  - repo: repo\n    prompt: a\x1b[31m\n", [(3, "control character #x1b")]),
    "nesting without end": ("matrix:\n  - " + "[" * 20000, [(2, "nested too deeply")]),
    "tabs": ("matrix:\n\t- repo: repo\n", [(2, "cannot start any token")]),
    "what YAML takes for something else": (
        (
            "defaults:\n  mergeOnPass: NO\nmatrix:\n  - repo: repo\n    prompt: no\n    name: off\n    mergeOnPass: y\n"
            "    retries: 0x10\n    timeoutSec: 1:30\n    scriptTimeoutSec: 2h\n    maxAmount: .inf\n"
        ),
        [
            (7, "mergeOnPass takes true or false, not 'y'"),
            (8, "not '0x10'"),
            (9, "not '1:30'"),
            (10, "scriptTimeoutSec takes a number above 0, not '2h'"),
            (11, "not '.inf'"),
        ],
    ),
    "programs and tags": (
        "matrix:\n  - repo: !!python/object/apply:os.system ['x']\n    prompt: !run Go\n",
        [(2, "There is no folder"), (3, "prompt takes text, not !run")],
    ),
    "folders that are not there": (
        (
            "defaults: {folder: nowhere}\nmatrix:\n  - repo: repo\n    prompt: Go\n    axes: {copies: 2}\n"
            "  - repo: repo\n    prompt: Go\n    folder: /etc\n"
        ),
        [(1, "has no folder 'nowhere'"), (8, "/etc lies outside of")],
    ),
    "what an axis has twice": (
        "axes: {model: [high, medium, high]}\nmatrix:\n  - repo: repo\n    prompt: Go\n    axes: {baseBranch: [main, main]}\n",
        [(1, "model has 'high' twice"), (5, "baseBranch has 'main' twice")],
    ),
    "what is not there": (
        (
            "matrix:\n  - repo: nowhere\n    prompt: Go\n  - repo: repo\n    promptFile: no.md\n"
            "  - repo: repo\n    prompt: Go\n    baseBranch: mian\n  - repo: w*\n    prompt: Go\n"
        ),
        [(2, "There is no folder"), (5, "cannot be read"), (8, "mian"), (9, "No repository matches w*")],
    ),
    "both at once": (
        "matrix:\n  - repo: repo\n    prompt: Go\n    promptFile: plan.yaml\n  - repo: repo\n    repo: repo\n    prompt: Go\n",
        [(4, ""), (6, "repo is there twice")],
    ),
    "too few iterations": (
        (
            "matrix:\n  - repo: repo\n    prompt: Go\n    followUpPrompts: [a, b]\n    maxIterations: 2\n"
            "  - repo: repo\n    prompt: Go\n    followUpOnFailure: Mend it\n"
        ),
        [(5, "maxIterations is 2, and its prompt and follow-ups alone are 3"), (8, "needs a scriptCommand")],
    ),
    "limits and axes": (
        "limits: {tokens: 0, time: 3}\naxes: {copies: 2.5, modes: [a]}\nmatrix:\n  - {repo: repo, prompt: Go}\n",
        [(1, "tokens takes"), (1, "no field 'time'"), (2, "copies takes"), (2, "Did you mean model?")],
    ),
    "what YAML has besides text": (
        (
            "? [a, b]\n: c\nmatrix:\n  - repo: []\n    prompt: !!binary aGVsbG8=\n"
            '  - repo: repo\n    prompt: Go\n    scriptCommand: "a\\0b"\n    axes: {baseBranch: []}\n'
        ),
        [
            (1, "The name of a field is a word, not a list"),
            (4, "not an empty list"),
            (5, "prompt takes text, not tag:yaml.org,2002:binary"),
            (8, "zero byte"),
            (9, "baseBranch takes text or a list of texts"),
        ],
    ),
    "two plans in one file": ("matrix: []\n---\nmatrix: []\n", [(2, "found another document")]),
    "more than fits into memory, the store or a path": (
        (
            "concurrency: 1e30\nmatrix:\n  - repo: repo\n    prompt: Go\n    axes: {copies: 1e12}\n"
            '  - repo: ~nobody-of-that-name/x\n    prompt: Go\n  - repo: "a\\0b"\n    prompt: Go\n'
            '  - repo: "\\ud800"\n    prompt: Go\n'
            f"  - repo: repo\n    promptFile: {'x' * 5000}\n"
        ),
        [
            (1, "at most 1000000000000000, not '1e30'"),
            (5, "comes to more than 5000 items"),
            (6, "no home of that user: ~nobody-of-that-name/x"),
            (8, "cannot be a path"),
            (10, "cannot be a path"),
            (13, "too long for a path"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_every_error_is_told_with_its_line(place: Path, name: str) -> None:
    text, wanted = WRONG[name]
    found = errors(place, text)
    assert [line for line, _ in found] == [line for line, _ in wanted], found
    for line, words in wanted:
        assert any(words in error for at, error in found if at == line), found


def test_what_nobody_may_ever_write_to_is_not_waited_for(place: Path) -> None:
    os.mkfifo(place / "pipe")
    with pytest.raises(Refused, match="may never be written to"):
        plan.read_file(place / "pipe")
    found = errors(place, "matrix:\n  - repo: repo\n    promptFile: pipe\n")
    assert [line for line, _ in found] == [3]


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0"])
def test_a_plan_is_taken_from_what_another_program_writes(place: Path, name: str) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"matrix:\n  - {repo: %s, prompt: Go}\n" % os.fsencode(place / "repo"))
    os.close(writer)
    own = os.dup(0)
    os.dup2(reader, 0)
    try:
        assert [one.spec.prompt for one in plan.read_file(Path(name)).items] == ["Go"]
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(reader)


def test_a_file_that_is_no_text_is_told_with_its_line(place: Path) -> None:
    (place / "plan.yaml").write_bytes(b"matrix:\n  - repo: repo\n    prompt: Gr\xfc\xdfe\n")
    with pytest.raises(Refused, match=r"not UTF-8 text \(byte \d+, in line 3\)"):
        plan.read_file(place / "plan.yaml")


def test_a_repository_is_taken_once_by_whatever_ways_an_item_names_it(place: Path) -> None:
    (place / "link").symlink_to("repo")
    (place / "repo" / "inner").mkdir()
    text = "matrix:\n  - {repo: [repo, link, ./repo, repo/inner, l*], prompt: Go}\n"
    assert [(one.spec.repo, one.spec.name) for one in read(place, text).items] == [(str(place / "repo"), "Go")]


def test_an_alias_means_the_item_as_it_is(place: Path) -> None:
    text = "matrix:\n  - &a {repo: repo, prompt: Go}\n  - &b {<<: *a, prompt: On}\n  - *b\n"
    assert [one.spec.prompt for one in read(place, text).items] == ["Go", "On", "On"]


def test_an_id_that_nothing_could_be_made_of_is_refused(place: Path) -> None:
    found = errors(place, "runId: '*/*'\nmatrix:\n  - {repo: repo, prompt: Go}\n")
    assert found == [(1, "runId takes text with a letter or a digit, not '*/*'.")]


def test_a_plan_that_names_itself_ends(place: Path) -> None:
    assert errors(place, "&a\nmatrix:\n  - *a\n")
    assert errors(place, "matrix: &a [*a]\n")
    bomb = "a: &a [x, x, x]\n" + "".join(
        f"{n}: &{n} [*{p}, *{p}, *{p}]\n" for p, n in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    assert errors(place, bomb + "matrix: *k\n")


def test_what_is_secret_in_a_script_is_refused(place: Path) -> None:
    secret = "sk-ant-api03-" + "a1B2" * 22 + "AA"
    text = f"matrix:\n  - repo: repo\n    prompt: Go\n    scriptCommand: KEY={secret} make\n"
    assert [line for line, _ in errors(place, text)] == [4]
