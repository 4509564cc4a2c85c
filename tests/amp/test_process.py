"""amp as a process: real ones, started, adopted, signalled, mistaken for nobody, and what they leave behind."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ampsm_engine import process_identity
from ampsm_engine.amp import process
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.home import IterationDirectory
from ampsm_engine.naming import new_id
from ampsm_engine.process_identity import Identity, identify, is_alive
from tests.waiting import DEADLINE, until

ID = new_id()
"""This process's own: other test runs on this machine look for their leftovers, too."""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / ID
    folder.mkdir(parents=True)
    made = IterationDirectory(folder)
    made.prompt.write_text("the prompt")
    return made


@pytest.fixture
def worktree(tmp_path):
    folder = tmp_path / "work tree"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path):
    """Whatever a test leaves behind is ended, by its own environment."""
    yield
    for found in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if found.environ().get("TEST_PLACE") == str(tmp_path):
                found.kill()
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(found.pid, 0)


@pytest.fixture
def environ(tmp_path):
    return {**os.environ, "AMPSM_RUN_ID": ID, "TEST_PLACE": str(tmp_path)}


def sh(body):
    return ["/bin/sh", "-c", body]


READY = "echo ready; "
SLEEP = "exec sleep 1000"
CHILD = "setsid sh -c 'echo $$ > \"$TEST_PLACE/tool\"; exec sleep 1001' > /dev/null & "
"""A tool: a session of its own, and an output of its own."""


async def ended(child):
    """Its exit code, once it is gone."""
    await asyncio.wait_for(child.wait(), DEADLINE)
    assert not child.alive()
    return child.exit_code


def pid_in(path):
    return until(lambda: path.exists() and path.read_text().strip() and int(path.read_text()))


def says(run, words="ready"):
    return until(lambda: run.stream.exists() and words in run.stream.read_text())


async def test_amp_runs_in_the_worktree_in_its_own_session_with_private_files(run, worktree, environ):
    run.stream.write_text("earlier\n")
    run.stream.chmod(0o644)
    child = await process.start(
        sh('pwd; cat; echo "$AMPSM_RUN_ID"; echo err >&2; ps -o sid= -p $$'), run, worktree, environ
    )
    assert await ended(child) == 0
    lines = run.stream.read_text().split("\n")
    assert lines[:2] == ["earlier", str(worktree)]
    assert lines[2] == f"the prompt{ID}"
    assert int(lines[3]) == child.pid != os.getsid(0)
    assert run.stderr.read_text() == "err\n"
    for path in (run.stream, run.stderr, run.process, run.log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_another_prompt_may_be_given(run, worktree, environ, tmp_path):
    (tmp_path / "again").write_text("continue")
    await ended(await process.start(["/bin/cat"], run, worktree, environ, prompt=tmp_path / "again"))
    assert run.stream.read_text() == "continue"


async def test_who_amp_is_is_written_down(run, worktree, environ):
    child = await process.start(sh(SLEEP), run, worktree, environ)
    assert json.loads(run.process.read_text()) == {
        "pid": child.pid,
        "token": identify(child.pid).token,
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }
    assert child.alive()
    child.kill()
    assert await ended(child) == -9


@pytest.mark.parametrize(("body", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -2 $$", -2)])
async def test_the_exit_code_is_known_and_the_child_reaped(run, worktree, environ, body, code):
    child = await process.start(sh(body), run, worktree, environ)
    assert await ended(child) == code
    assert not psutil.pid_exists(child.pid)
    child.interrupt()
    child.kill()
    await child.wait()


async def test_waiting_can_be_cancelled(run, worktree, environ):
    child = await process.start(sh(SLEEP), run, worktree, environ)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await child.wait()
    assert child.alive()
    asyncio.get_running_loop().call_later(0.1, child.terminate)
    assert await ended(child) == -15


@pytest.mark.parametrize(("deaf", "code"), [("", -2), ("INT", -15), ("INT TERM", -9)])
async def test_ending_asks_first_and_takes_the_next_signal_only_where_the_last_one_did_nothing(
    run, worktree, environ, deaf, code
):
    child = await process.start([sys.executable, "-c", ENDLESS, deaf], run, worktree, environ)
    says(run)
    await asyncio.wait_for(child.end(*(DEADLINE if name not in deaf else 0.1 for name in ("INT", "TERM"))), DEADLINE)
    assert child.exit_code == code


@pytest.mark.parametrize("name", ["missing", "file"])
async def test_a_worktree_that_is_gone_is_a_refusal_that_names_it(run, tmp_path, environ, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=name) as told:
        await process.start(sh("true"), run, tmp_path / name, environ)
    assert told.value.hint == "ampsm repair"


async def test_a_program_that_cannot_run_is_unfit(run, worktree, environ, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("x")
    for program in (tmp_path / "none", plain, tmp_path):
        with pytest.raises(Unfit, match=str(program)) as told:
            await process.start([str(program)], run, worktree, environ)
        assert "npm install" in told.value.hint
    assert not run.process.exists()


async def test_what_the_system_does_not_take_is_a_failure(run, worktree, environ, tmp_path):
    for argv, env in (
        (["/bin/true", "a\x00b"], environ),
        (["/bin/true", "x" * 10_000_000], environ),
        (["/bin/true"], {"a=b": ""}),
    ):
        with pytest.raises(Failed):
            await process.start(argv, run, worktree, env)
    with pytest.raises(Failed, match="run directory"):
        await process.start(["/bin/true"], IterationDirectory(tmp_path / "no run"), worktree, environ)


async def test_an_amp_that_could_not_be_written_down_does_not_run_on(run, worktree, environ, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process, "write_private", full)
    with pytest.raises(Failed, match="No space left"):
        await process.start(sh(SLEEP), run, worktree, environ)
    until(lambda: process.leftover_processes(ID) == [])


async def test_an_earlier_attempts_record_does_not_hide_a_later_amp(run, worktree, environ, monkeypatch):
    await ended(await process.start(sh("true"), run, worktree, environ))
    assert run.process.exists()
    with pytest.raises(Unfit):
        await process.start(["/none"], run, worktree, environ)
    assert not run.process.exists()


async def test_28_an_output_held_open_by_a_grandchild_holds_up_nobody(run, worktree, environ):
    child = await process.start(sh("sleep 1000 & echo done"), run, worktree, environ)
    assert await ended(child) == 0
    assert run.stream.read_text() == "done\n"
    assert len(process.end_leftovers(ID, 5)) == 1


async def test_34_a_prompt_that_nobody_reads_breaks_nothing(run, worktree, environ):
    run.prompt.write_bytes(b"x" * 5_000_000)
    child = await process.start(sh("echo why >&2; exit 1"), run, worktree, environ)
    assert await ended(child) == 1
    assert run.stderr.read_text() == "why\n"


ENDLESS = """
import signal, sys, time
for name in ("INT", "TERM"):
    signal.signal(getattr(signal, "SIG" + name), signal.SIG_IGN if name in sys.argv[1] else signal.SIG_DFL)
print("ready", flush=True)
time.sleep(1000)
"""


TWO = (
    f'{sys.executable} -c \'import signal,time; signal.signal(signal.SIGINT, lambda *_: print("tool hit", flush=True));'
    ' print("tool up", flush=True); time.sleep(1000)\' & '
    "trap 'echo amp hit; exit 0' INT TERM; echo \"amp up\"; while true; do sleep 0.05; done"
)


@pytest.mark.parametrize("send", ["interrupt", "terminate"])
async def test_signals_reach_amp_alone_and_not_its_group(run, worktree, environ, send):
    child = await process.start(sh(TWO), run, worktree, environ)
    says(run, "tool up")
    says(run, "amp up")
    getattr(child, send)()
    assert await ended(child) == 0
    assert "amp hit" in run.stream.read_text()
    assert "tool hit" not in run.stream.read_text()


async def test_kill_ends_the_group_but_not_sessions_of_their_own(run, worktree, environ, tmp_path):
    child = await process.start(sh(f"sleep 1000 & echo $! > $TEST_PLACE/same; {CHILD} {SLEEP}"), run, worktree, environ)
    same, tool = (pid_in(tmp_path / name) for name in ("same", "tool"))
    child.kill()
    assert await ended(child) == -9
    until(lambda: not is_alive(identify(same)))
    assert [left.pid for left in process.leftover_processes(ID)] == [tool]


ORPHAN = """
import asyncio, os, sys
from pathlib import Path
from ampsm_engine.amp import process
from ampsm_engine.home import IterationDirectory
from ampsm_engine.naming import new_id
from tests.waiting import DEADLINE, until
run, worktree, body, record = sys.argv[1:]
env = {**os.environ, "AMPSM_RUN_ID": run.rpartition("/")[2]}
async def main():
    child = await process.start(["/bin/sh", "-c", body], IterationDirectory(Path(run)), Path(worktree), env)
    if record != "yes":
        IterationDirectory(Path(run)).process.unlink()
    print(child.pid, flush=True)
    os._exit(9)
asyncio.run(main())
"""


def orphan(run, worktree, environ, body, *, record=True):
    """An amp whose worker died; answers its pid."""
    environ = {name: value for name, value in environ.items() if name != "AMPSM_RUN_ID"}
    argv = [sys.executable, "-c", ORPHAN, str(run.path), str(worktree), body, "yes" if record else "no"]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("record", [True, False])
async def test_an_orphaned_amp_is_adopted_watched_and_ended(run, worktree, environ, record):
    pid = orphan(
        run,
        worktree,
        environ,
        "trap 'echo bye; exit 7' INT; echo ready; while true; do sleep 0.05; done",
        record=record,
    )
    says(run)
    child = process.adopt(run, ID)
    assert child.pid == pid
    assert child.alive()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await child.wait()
    child.interrupt()
    assert await ended(child) is None
    assert "bye" in run.stream.read_text()
    assert process.adopt(run, ID) is None


async def test_an_adopted_amp_is_killed_with_its_group(run, worktree, environ, tmp_path):
    orphan(run, worktree, environ, f"sleep 1000 & echo $! > $TEST_PLACE/same; {SLEEP}")
    same = identify(pid_in(tmp_path / "same"))
    child = process.adopt(run, ID)
    child.kill()
    await ended(child)
    until(lambda: not is_alive(same))


def test_without_a_record_amp_itself_is_adopted_and_not_one_of_its_tools(run, worktree, environ, tmp_path):
    pid = orphan(run, worktree, environ, f"{CHILD} sleep 1002 & {READY} wait", record=False)
    pid_in(tmp_path / "tool")
    says(run)
    assert len(process.leftover_processes(ID)) == 3
    assert process.adopt(run, ID).pid == pid
    run.process.write_text('{"pid": 5, "tok')
    assert process.adopt(run, ID).pid == pid


@pytest.mark.parametrize("record", [True, False])
def test_a_tool_that_outlives_amp_is_never_taken_for_amp(run, worktree, environ, tmp_path, record):
    pid = orphan(run, worktree, environ, f"{CHILD} {READY} {SLEEP}", record=record)
    tool = pid_in(tmp_path / "tool")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(identify(pid)))
    assert process.adopt(run, ID) is None
    assert [left.pid for left in process.leftover_processes(ID)] == [tool]


def test_an_amp_that_is_a_zombie_is_gone(run, environ):
    with subprocess.Popen(["true"]) as amp:
        until(lambda: psutil.Process(amp.pid).status() == psutil.STATUS_ZOMBIE)
        known = identify(amp.pid)
        run.process.write_text(json.dumps({"pid": known.pid, "token": known.token, "boot": known.boot}))
        assert process.adopt(run, ID) is None
        asyncio.run(process.Child(known).wait())


async def test_an_amp_that_its_own_worker_adopts_leaves_its_exit_code(run, worktree, environ):
    """A worker that could not write for a while looks after it again."""
    await process.start(
        sh(f"{READY} until test -e $TEST_PLACE/go; do sleep 0.02; done; exit 5"), run, worktree, environ
    )
    adopted = process.adopt(run, ID)
    Path(environ["TEST_PLACE"], "go").touch()
    assert await ended(adopted) == 5


@pytest.mark.parametrize("change", [{"token": "1"}, {"boot": "another"}, {"pid": 1}, {"pid": 2**30}, {"token": ""}])
async def test_a_number_that_is_used_again_is_neither_adopted_nor_signalled(run, worktree, environ, change):
    child = await process.start(sh(SLEEP), run, worktree, environ)
    facts = {**json.loads(run.process.read_text()), **change}
    run.process.write_text(json.dumps(facts))
    assert process.adopt(run, ID) is None
    other = process.Child(Identity(**facts))
    other.interrupt()
    other.terminate()
    other.kill()
    await other.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await child.wait()


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b"\xff", b'{"pid": "x", "token": "", "boot": ""}', b"[" * 100_000]
)
def test_a_broken_record_is_no_record(run, content):
    run.process.write_bytes(content)
    assert process.adopt(run, ID) is None


def test_no_run_no_amp(run):
    assert process.adopt(run, ID) is None
    assert process.adopt(run, "") is None
    assert process.leftover_processes("") == []


async def test_leftovers_are_those_with_exactly_this_mark(run, worktree, environ):
    mine = await process.start(sh(f"{READY} {SLEEP}"), run, worktree, environ)
    others = [
        subprocess.Popen(["sleep", "1000"], env={**environ, "AMPSM_RUN_ID": name})
        for name in (f"{ID}0", ID[:-1], "", ID.upper(), f"{ID} ")
    ]
    unmarked = subprocess.Popen(
        ["sleep", "1000"], env={name: value for name, value in environ.items() if name != "AMPSM_RUN_ID"}
    )
    says(run)
    assert [left.pid for left in process.leftover_processes(ID)] == [mine.pid]
    until(lambda: "1000" in psutil.Process(mine.pid).cmdline())
    assert any("sleep 1000" in command for command in process.end_leftovers(ID, 5))
    for other in (*others, unmarked):
        assert other.poll() is None
        other.kill()
        other.wait()


SPARED = """
import os, subprocess, sys
from ampsm_engine.amp import process
if len(sys.argv) == 1:
    sys.exit(subprocess.run([sys.executable, "-c", os.environ["CODE"], "inner"]).returncode)
assert process.leftover_processes(os.environ["AMPSM_RUN_ID"]) == [], process.leftover_processes(os.environ["AMPSM_RUN_ID"])
assert process.end_leftovers(os.environ["AMPSM_RUN_ID"], 1) == []
"""


def test_neither_we_nor_our_ancestors_are_leftovers(environ):
    """A worker that was itself started by a run of amp does not end itself, nor who waits for it."""
    done = subprocess.run(
        [sys.executable, "-c", SPARED],
        cwd=ROOT,
        env={**environ, "CODE": SPARED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_leftovers_are_asked_then_killed_and_their_last_children_too(run, worktree, environ, tmp_path):
    body = (
        f"{CHILD}"
        "setsid sh -c 'trap \"\" TERM INT HUP; echo $$ > $TEST_PLACE/stubborn; while :; do sleep 0.05; done' >/dev/null & "
        "setsid sh -c 'trap \"setsid sleep 1003 & exit\" TERM; echo $$ > $TEST_PLACE/breeder; while :; do sleep 0.05; done' >/dev/null & "
    )
    await ended(await process.start(sh(body), run, worktree, environ))
    pids = {pid_in(tmp_path / name) for name in ("tool", "stubborn", "breeder")}
    assert len(process.end_leftovers(ID, 0.5)) >= 3
    assert not [pid for pid in pids if is_alive(identify(pid))]
    assert process.leftover_processes(ID) == []
    assert process.end_leftovers(ID, 0.5) == []


@pytest.fixture
def elsewhere(monkeypatch):
    """What is done where there is no /proc."""
    for module in (process_identity, process):
        monkeypatch.setattr(module, "LINUX", False)


async def test_without_proc_the_same_holds(elsewhere, run, worktree, environ, tmp_path):
    child = await process.start(sh(f"{CHILD} {SLEEP}"), run, worktree, environ)
    pid_in(tmp_path / "tool")
    assert process.adopt(run, ID).pid == child.pid
    run.process.unlink()
    assert process.adopt(run, ID).pid == child.pid
    adopted = process.adopt(run, ID)
    adopted.terminate()
    assert await ended(adopted) == -15
    assert not is_alive(identify(2**30))
    assert not is_alive(identify(child.pid))


def test_the_room_costs_a_light_command_nothing_heavy():
    code = (
        "import sys, importlib, pkgutil, ampsm_engine.amp as room\n"
        "for module in pkgutil.walk_packages(room.__path__, 'ampsm_engine.amp.'): importlib.import_module(module.name)\n"
        "print([name for name in ('psutil', 'pygit2', 'asyncio', 'textual', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_waited_for_is_known_although_a_child_of_it_ends_meanwhile(monkeypatch):
    """A hook in a shell starts and ends programs all the time; one of them between two looks is no answer."""
    with subprocess.Popen(["sleep", "600"]) as works, subprocess.Popen(["true"]) as ends:
        gone, child = psutil.Process(ends.pid), psutil.Process(works.pid)
        ends.wait()
        monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [gone, child])
        try:
            until(child.cmdline, "the kernel to know its arguments, a moment after its start")
            found = process.busy_with(os.getpid())
        finally:
            works.kill()
    assert found == "sleep 600"
