"""The real amp, without account and network: what it lists, what it accepts, and how its refusals are recognised.

Each start of it costs two seconds, and which one it is does not change by itself: most of this is for `make soak`.
"""

import asyncio
import json

import pytest

from ampsm_engine.amp import command, endings, process, program, transcript
from ampsm_engine.amp.stream import EventReader
from ampsm_engine.amp.tally import Fold
from ampsm_engine.config import Settings
from ampsm_engine.errors import Refused
from ampsm_engine.home import IterationDirectory
from ampsm_engine.model import Outcome
from ampsm_engine.naming import new_id
from tests.amp.recorded import STREAMS, THREAD
from tests.real_amp import offline, real_amp
from tests.soak import one_in
from tests.waiting import DEADLINE

__all__ = ["real_amp"]

pytestmark = pytest.mark.real_amp

ID = new_id()


@pytest.fixture
def home(tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    made = IterationDirectory(folder)
    made.prompt.write_bytes(command.check_prompt("-say hello"))
    return made


@pytest.fixture
def options(real_amp, tmp_path, home):
    return program.options(real_amp, tmp_path / "cache", offline(home))


async def played(run, argv, environ, until_login):
    """The exit code of an amp that runs to its end, or to the login text."""
    child = await process.start(argv, run, run.path, command.environment(environ, ID))
    async with asyncio.timeout(DEADLINE):
        while child.alive():
            if until_login and endings.needs_login(run.stream.read_bytes()):
                child.terminate()
            await asyncio.sleep(0.05)
        await child.wait()
    return child.exit_code


def play(run, argv, environ, *, until_login=False):
    """Run amp and judge it as a worker does."""
    run.settings.write_bytes(command.settings(environ))
    code = asyncio.run(played(run, argv, environ, until_login))
    assert process.end_leftovers(ID, 1) == []
    folded, reader = Fold(ID), EventReader()
    folded.add_all(reader.feed(run.stream.read_bytes()) + reader.close())
    stderr, head = transcript.tail(run.stderr), run.stream.read_bytes().decode()
    return code, endings.classify(
        we_stopped=False, timed_out=False, silent=False, fold=folded, exit_code=code, stderr=stderr, head=head
    )


def first(real_amp, options, run, mode=None):
    return command.first(real_amp, options, run, mode, allow_all=True, title="--a title")


def test_it_is_found_and_says_its_version(real_amp, home):
    environ = {**offline(home), "AMP_CLI_PATH": str(real_amp)}
    assert program.find(Settings(), environ) == real_amp
    version = program.version(real_amp, environ)
    assert version.text == "0.0.1790142911-g7618fb"
    assert version.released.year == 2026


def test_it_lists_the_options_that_were_recorded(options):
    recorded = {entry["released"]: entry for entry in json.loads((STREAMS / "help-flags.json").read_text())}
    assert options == set(recorded["2026-09-23"]["help_options"])


def test_it_lists_its_modes(real_amp, tmp_path, home):
    assert program.modes(real_amp, tmp_path / "cache", offline(home)) == ("low", "medium", "high", "ultra")


@pytest.mark.parametrize("mode", one_in(4, ["-odd", None, "high", "any word"]))
def test_every_line_of_ours_is_understood_and_no_network_is_recognised(real_amp, options, run, home, mode):
    code, ending = play(run, first(real_amp, options, run, mode), offline(home))
    assert (code, ending.outcome, ending.failure) == (1, Outcome.FAILED, "offline")
    assert "Couldn't connect to the Amp server" in ending.error
    assert ending.hint


def test_a_follow_up_is_understood_and_no_network_is_recognised(real_amp, options, run, home):
    argv = command.follow_up(real_amp, options, run, THREAD, "low", allow_all=False)
    code, ending = play(run, argv, offline(home))
    assert (code, ending.failure) == (1, "offline")


@pytest.mark.soak
def test_unarchiving_is_understood(real_amp, run, home):
    code, ending = play(run, command.unarchive(real_amp, THREAD), offline(home))
    assert code == 1
    assert ending.failure == "offline"
    assert "ailed to unarchive thread" in ending.error
    assert not process.once(command.unarchive(real_amp, THREAD), offline(home), limit=DEADLINE)


def test_not_being_logged_in_is_recognised_at_once_and_no_token_is_kept(real_amp, options, run, home):
    environ = offline(home, key="")
    assert not program.login(environ).ok
    code, ending = play(run, first(real_amp, options, run), environ, until_login=True)
    assert code is not None
    assert (ending.outcome, ending.failure, ending.hint) == (Outcome.FAILED, "not-logged-in", "amp login")
    assert "authToken" not in ending.error
    said = endings.mask_login(run.stream.read_bytes().decode())
    assert said.count("authToken=") == said.count("authToken=***")


def test_a_question_without_network_never_starts_the_login(real_amp, run, home):
    code, ending = play(run, [str(real_amp), "usage"], offline(home, key=""))
    assert code == 1
    assert ending.failure == "offline"


@pytest.mark.soak
def test_an_unknown_option_is_recognised_and_dropping_it_helps(real_amp, options, run, home):
    argv = [*first(real_amp, options, run), "--effort", "--none-such=3"]
    _, ending = play(run, argv, offline(home))
    assert (ending.failure, ending.remedy) == ("unknown-option", "drop-option")
    refused = endings.unknown_option(transcript.tail(run.stderr))
    argv = command.without(argv, refused)
    run.stderr.unlink()
    play(run, argv, offline(home))
    refused = endings.unknown_option(transcript.tail(run.stderr))
    run.stderr.unlink()
    _, ending = play(run, command.without(argv, refused), offline(home))
    assert ending.failure == "offline"


@pytest.mark.soak
def test_broken_settings_are_recognised_and_named(real_amp, run, home):
    (run.path / "broken.json").write_text('{"a": ')
    argv = [str(real_amp), "--execute", "--stream-json", "--settings-file", str(run.path / "broken.json")]
    _, ending = play(run, argv, offline(home))
    assert ending.failure == "bad-settings"
    assert "broken.json" in ending.error


@pytest.mark.parametrize("content", one_in(3, [b" \n", b"", b"\xff\xfe"]))
def test_prompts_that_we_refuse_are_refused_by_amp_too(real_amp, options, run, home, content):
    with pytest.raises(Refused):
        command.check_prompt(content.decode("utf-8", "surrogateescape"))
    run.prompt.write_bytes(content)
    _, ending = play(run, first(real_amp, options, run), offline(home))
    assert ending.failure == "bad-prompt"


@pytest.mark.soak
def test_a_bad_thread_id_is_recognised(real_amp, run, home):
    _, ending = play(run, [str(real_amp), "threads", "continue", "T-1", "--execute"], offline(home))
    assert ending.failure == "bad-thread-id"


@pytest.mark.soak
def test_settings_of_the_users_with_comments_are_taken(real_amp, options, run, home):
    folder = home / ".config" / "amp"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text('{ // mine\n "amp.tools.disable": ["web_search",], }')
    _, ending = play(run, first(real_amp, options, run), offline(home))
    assert ending.failure == "offline"


def test_it_leaves_nothing_in_the_worktree_and_its_log_where_we_say(real_amp, options, run, home):
    before = {path.name for path in run.path.iterdir()} | {"amp.ndjson", "amp.stderr", "process.json", "settings.json"}
    play(run, first(real_amp, options, run), offline(home))
    assert {path.name for path in run.path.iterdir()} - before <= {"amp.log"}
