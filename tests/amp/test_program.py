"""Finding amp, asking it for its options and version, and whether a key is there."""

import json
import os
import stat

import psutil
import pytest

from ampsm_engine.amp import program
from ampsm_engine.config import Settings
from ampsm_engine.errors import Unfit
from tests.amp.recorded import STREAMS
from tests.waiting import until

HELP = """Amp CLI

Usage: amp [options] [command]

Commands:

  version            Print the version --not-an-option number and exit

Options:

  -V, --version
      Print the version
  -x, --execute [message]
      Execute; see --prose and
  --stream-json
      When used with --execute, output
  -m, --mode <value>
      Set the mode
"""


def script(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    return place


def environ_of(home, *path):
    return {"HOME": str(home), "PATH": os.pathsep.join(map(str, path))}


def find(environ, **values):
    return program.find(Settings({"amp.path": values.get("setting", "")}), environ)


def test_amp_is_found_in_one_order(tmp_path, home):
    own = script(home / ".amp/bin/amp", "")
    assert find(environ_of(home)) == own
    local = script(home / ".local/bin/amp", "")
    assert find(environ_of(home)) == local
    on_path = script(tmp_path / "bin/amp", "")
    assert find(environ_of(home, tmp_path / "bin")) == on_path
    setting = script(tmp_path / "setting/amp", "")
    assert find(environ_of(home, tmp_path / "bin"), setting=str(setting)) == setting
    named = script(tmp_path / "named/amp", "")
    environ = {**environ_of(home, tmp_path / "bin"), "AMP_CLI_PATH": str(named)}
    assert find(environ, setting=str(setting)) == named
    assert find({**environ, "AMP_CLI_PATH": "  "}, setting=str(setting)) == setting


def test_no_amp_says_where_it_was_looked_for_and_how_to_get_it(home):
    with pytest.raises(Unfit) as told:
        find(environ_of(home))
    assert "~/.local/bin" in told.value.message
    assert "npm install -g @ampcode/cli" in told.value.hint


@pytest.mark.parametrize("content", [b"", b"echo 'amp is not installed correctly' >&2\nexit 1\n", b"\0\0\0\0"])
def test_a_package_without_its_native_program_is_told_before_anything_is_made(tmp_path, home, content):
    placeholder = script(tmp_path / "bin/amp", "")
    placeholder.write_bytes(content)
    for environ in (environ_of(home, tmp_path / "bin"), {"HOME": str(home), "AMP_CLI_PATH": str(placeholder)}):
        with pytest.raises(Unfit) as told:
            find(environ)
        assert str(placeholder) in told.value.message
        assert "npm install -g @ampcode/cli" in told.value.hint


def test_a_name_alone_is_looked_up_and_a_tilde_is_the_home(tmp_path, home):
    nightly = script(tmp_path / "bin/amp-nightly", "")
    assert find({**environ_of(home, tmp_path / "bin"), "AMP_CLI_PATH": "amp-nightly"}) == nightly
    mine = script(home / "my amp", "")
    assert find({**environ_of(home), "AMP_CLI_PATH": "~/my amp"}) == mine
    with pytest.raises(Unfit, match="amp-none"):
        find({**environ_of(home), "AMP_CLI_PATH": "amp-none"})


@pytest.mark.parametrize(
    "named",
    [
        "{tmp}/missing",
        "{tmp}",
        "{tmp}/plain",
        "./amp",
        "../amp",
        "~nobody/amp",
        "{tmp}/" + "x" * 300,
        "{tmp}/plain/amp",
        "{tmp}/dangling",
    ],
)
@pytest.mark.parametrize("where", ["AMP_CLI_PATH", "amp.path"])
def test_what_is_named_and_unfit_is_told_and_nothing_else_is_taken(tmp_path, home, named, where):
    script(home / ".local/bin/amp", "")
    (tmp_path / "plain").write_text("no program")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    value = named.format(tmp=tmp_path)
    environ = environ_of(home) | ({where: value} if where == "AMP_CLI_PATH" else {})
    with pytest.raises(Unfit) as told:
        find(environ, setting=value if where == "amp.path" else "")
    assert where in told.value.message
    assert value in told.value.message
    assert told.value.hint


def test_a_relative_entry_of_the_path_never_finds_a_repositorys_own_amp(tmp_path, home, monkeypatch):
    script(tmp_path / "amp", "")
    monkeypatch.chdir(tmp_path)
    for path in ("", ".", "sub/..", f".{os.pathsep}"):
        with pytest.raises(Unfit):
            find({"HOME": str(home), "PATH": path})


@pytest.fixture
def talking(tmp_path):
    """An amp that answers, and counts how often it was asked."""
    (tmp_path / "help.txt").write_text(HELP)
    body = f'echo "$@" >> {tmp_path}/asked\ntest "$1" = --help && cat {tmp_path}/help.txt >&1; echo noise >&2'
    return script(tmp_path / "bin/amp", body)


def asked(tmp_path):
    return (tmp_path / "asked").read_text().split() if (tmp_path / "asked").exists() else []


ENVIRON = {"PATH": os.environ["PATH"]}


def test_options_are_asked_once_until_the_program_changes(tmp_path, talking):
    cache = tmp_path / "cache"
    expected = frozenset({"--version", "--execute", "--stream-json", "--mode"})
    assert program.options(talking, cache, ENVIRON) == expected
    assert program.options(talking, cache, ENVIRON) == expected
    assert asked(tmp_path) == ["--help"]
    kept = cache / "amp-options.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    os.utime(talking, ns=(1, 1))
    assert program.options(talking, cache, ENVIRON) == expected
    assert asked(tmp_path) == ["--help", "--help"]


@pytest.mark.parametrize(
    ("said", "modes"),
    [
        ("(free, rush, smart) — controls the model, system prompt, and tool selection", "free rush smart"),
        ("(low, medium, high, ultra) — controls the model", "low medium high ultra"),
        (
            "(low, medium, high, ultra, or a plugin mode by key or label, case-insensitive) — controls the\n      model",
            "low medium high ultra",
        ),
        ("(low, medium,\n      high, or ultra)", "low medium high ultra"),
        ("by its name", ""),
        ("(\x1b[31mred, low)", ""),
    ],
)
def test_the_modes_are_those_that_amps_help_lists(tmp_path, talking, said, modes):
    (tmp_path / "help.txt").write_text(HELP.replace("Set the mode", f"Set the agent mode {said}"))
    assert program.kept_modes(talking, tmp_path / "cache") == ()
    assert program.modes(talking, tmp_path / "cache", ENVIRON) == tuple(modes.split())
    assert program.kept_modes(talking, tmp_path / "cache") == tuple(modes.split())
    assert program.options(talking, tmp_path / "cache", ENVIRON) >= {"--mode"}
    assert asked(tmp_path) == ["--help"]


def test_a_link_that_leads_to_another_amp_is_asked_again(tmp_path, talking):
    link = tmp_path / "link"
    link.symlink_to(talking)
    other = script(tmp_path / "other/amp", "echo '  --execute'")
    assert "--mode" in program.options(link, tmp_path / "cache", ENVIRON)
    link.unlink()
    link.symlink_to(other)
    assert program.options(link, tmp_path / "cache", ENVIRON) == frozenset({"--execute"})


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"X": 5}', '{"X": {"identity": 1}}', '{"X": {"identity": "I", "options": 7}}']
)
def test_a_broken_cache_is_no_cache(tmp_path, talking, content):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "amp-options.json").write_text(content.replace("X", str(talking)))
    assert "--mode" in program.options(talking, cache, ENVIRON)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, talking):
    (tmp_path / "file").write_text("")
    assert "--mode" in program.options(talking, tmp_path / "file" / "cache", ENVIRON)


@pytest.mark.parametrize("body", ["exit 1", "echo '  --execute'; exit 1", "echo hello", "kill -9 $$", "exit 0"])
def test_without_an_answer_what_every_version_knows_is_used_and_not_kept(tmp_path, body):
    amp = script(tmp_path / "amp", body)
    assert program.options(amp, tmp_path / "cache", ENVIRON) == program.EVERY_VERSION
    assert not (tmp_path / "cache").exists()
    for entry in json.loads((STREAMS / "help-flags.json").read_text()):
        assert set(entry["help_options"]) >= program.EVERY_VERSION


def test_an_amp_that_never_answers_is_given_up_and_its_children_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "PATIENCE", 1.5)
    amp = script(tmp_path / "amp", f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    assert program.options(amp, tmp_path / "cache", ENVIRON) == program.EVERY_VERSION
    sleeper = int((tmp_path / "pid").read_text())
    until(lambda: not psutil.pid_exists(sleeper) or psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE)


def test_a_grandchild_that_keeps_the_output_open_is_not_waited_for(tmp_path):
    amp = script(tmp_path / "amp", "sleep 5 & echo '0.0.1790142911-g7618fb (released x)'")
    assert program.version(amp, ENVIRON).number == 1790142911


def test_a_program_that_cannot_be_started_answers_nothing(tmp_path):
    amp = tmp_path / "amp"
    amp.write_bytes(b"\x7fELF nonsense")
    amp.chmod(0o755)
    assert program.version(amp, ENVIRON) is None
    assert program.options(amp, tmp_path / "cache", ENVIRON) == program.EVERY_VERSION
    with pytest.raises(Unfit):
        program.options(tmp_path / "gone", tmp_path / "cache", ENVIRON)


def test_amp_is_asked_without_a_terminal_and_without_the_run_of_another(tmp_path):
    amp = script(tmp_path / "amp", f'env > {tmp_path}/env; cat > {tmp_path}/stdin; echo "  --execute"')
    program.options(amp, tmp_path / "cache", {**ENVIRON, "AMP_THREAD_ID": "T-x", "AMPSM_RUN_ID": "outer"})
    env = (tmp_path / "env").read_text()
    assert "AMP_THREAD_ID" not in env
    assert "AMPSM_RUN_ID" not in env
    assert "AMP_SKIP_UPDATE_CHECK=1" in env
    assert (tmp_path / "stdin").read_text() == ""


def test_the_cache_keeps_the_newest_few_programs(tmp_path):
    for number in range(12):
        amp = script(tmp_path / str(number) / "amp", "echo '  --execute'")
        program.options(amp, tmp_path / "cache", ENVIRON)
    kept = json.loads((tmp_path / "cache" / "amp-options.json").read_text())
    assert list(kept) == [str(tmp_path / str(number) / "amp") for number in range(4, 12)]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("0.0.1790142911-g7618fb (released 2026-09-23T05:55:11.000Z, 2mo ago)", 1790142911),
        ("warning: old node\n0.0.1773432280-gcd86a7 (released x)", 1773432280),
        ("0.0.99999999999999999999-gab", 999999999999999999),
        ("amp 1.2.3", None),
        ("", None),
    ],
)
def test_the_version_is_its_first_line_of_that_form(tmp_path, said, number):
    amp = script(tmp_path / "amp", f"cat <<'X'\n{said}\nX")
    version = program.version(amp, ENVIRON)
    assert (version.number if version else None) == number


def test_versions_say_when_they_were_released():
    assert program.Version("v", 1790142911).released.isoformat() == "2026-09-23T05:55:11+00:00"
    assert program.Version("v", 10**17).released is None


def secrets(home, content, folder=".local/share"):
    path = home / folder / "amp" / "secrets.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)


def test_a_key_in_the_environment_is_enough_and_never_told(home):
    login = program.login({"HOME": str(home), "AMP_API_KEY": "sgamp_user_secret"})
    assert login.ok
    assert "secret" not in login.how
    assert not program.login({"HOME": str(home), "AMP_API_KEY": " "}).ok


def test_a_key_among_amps_secrets_is_that_of_the_server_in_use(home):
    secrets(home, '{"apiKey@https://ampcode.com/": "sgamp_secret", "other": 1}')
    login = program.login({"HOME": str(home)})
    assert login.ok
    assert "sgamp" not in login.how
    assert program.login({"HOME": str(home), "AMP_URL": "https://ampcode.com"}).ok
    assert not program.login({"HOME": str(home), "AMP_URL": "https://other.example/"}).ok
    assert not program.login({"HOME": str(home), "XDG_DATA_HOME": str(home / "elsewhere")}).ok


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"apiKey@https://ampcode.com/": ""}', '{"apiKey@https://ampcode.com/": 5}', "[" * 100_000],
)
def test_secrets_that_hold_no_key_are_no_login(home, content):
    secrets(home, content)
    login = program.login({"HOME": str(home)})
    assert not login.ok
    assert "AMP_API_KEY" in login.how


def test_secrets_follow_the_data_folder(home, tmp_path):
    secrets(tmp_path, '{"apiKey@https://ampcode.com/": "k"}', "data")
    assert program.login({"HOME": str(home), "XDG_DATA_HOME": str(tmp_path / "data")}).ok


def test_a_key_that_is_refused_names_the_variable_that_holds_it(home):
    assert "AMP_API_KEY" in program.key_hint({"HOME": str(home), "AMP_API_KEY": "sgamp_user_old"})
    assert program.key_hint({"HOME": str(home), "AMP_API_KEY": " "}) == "amp login"


def test_the_server_is_the_one_of_the_environment():
    assert program.server({"AMP_URL": "https://amp.example/"}) == "https://amp.example"
    assert program.server({}) == "https://ampcode.com"
