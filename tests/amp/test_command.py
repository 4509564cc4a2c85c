"""What one run of amp is given: argument lists for every version, environment, settings file, prompt."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp import command
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.home import IterationDirectory
from ampsm_engine.plain_text import printable
from tests.amp.recorded import STREAMS, THREAD

AMP = Path("/opt/amp")
RUN = IterationDirectory(Path("/home/me/runs/it1"))
VERSIONS = {entry["released"]: entry for entry in json.loads((STREAMS / "help-flags.json").read_text())}
SEPTEMBER = frozenset(VERSIONS["2026-09-23"]["help_options"])


def first(options=SEPTEMBER, mode=None, *, allow_all=False, title=None):
    return command.first(AMP, frozenset(options), RUN, mode, allow_all=allow_all, title=title)


def follow_up(options=SEPTEMBER, thread=THREAD, mode=None, *, allow_all=False):
    return command.follow_up(AMP, frozenset(options), RUN, thread, mode, allow_all=allow_all)


COMMON = [
    *("--execute", "--stream-json-thinking", "--no-archive-after-execute", "--no-ide", "--no-notifications"),
    *("--no-color", "--no-remote-control-terminal", "--settings-file", "/home/me/runs/it1/settings.json"),
    *("--log-file", "/home/me/runs/it1/amp.log", "--log-level", "info"),
]


def test_the_line_that_begins_a_thread():
    assert first() == ["/opt/amp", *COMMON]
    assert first(mode="high", title="Fix\nthe login") == [
        *("/opt/amp", *COMMON, "--mode", "high", "--title", "Fix the login"),
    ]


def test_the_line_that_goes_on_has_its_options_after_the_subcommand_and_never_a_title():
    assert follow_up(mode="low") == ["/opt/amp", "threads", "continue", THREAD, *COMMON, "--mode", "low"]


@pytest.mark.parametrize("entry", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("allow_all", [True, False])
def test_every_version_is_only_given_what_it_lists(entry, allow_all):
    listed = frozenset(entry["help_options"])
    for line in (
        first(listed, "m", allow_all=allow_all, title="t"),
        follow_up(listed, mode="m", allow_all=allow_all),
    ):
        given_options = {word.partition("=")[0] for word in line if word.startswith("--")}
        assert given_options <= listed
        assert not given_options & set(entry["rejected_when_tested"])
        assert ("--stream-json-thinking" in line) != ("--stream-json" in line)
        assert ("--dangerously-allow-all" in line) is (allow_all and "--dangerously-allow-all" in listed)


@pytest.mark.parametrize("thread", ["", "T-1", "--last", THREAD + "\n", f"{THREAD} --x", "T-" + "g" * 36, "; rm -rf /"])
def test_a_thread_that_has_not_amps_form_is_never_passed_on(thread):
    with pytest.raises(Failed):
        follow_up(thread=thread)
    with pytest.raises(Failed):
        command.unarchive(AMP, thread)


def test_the_line_that_unarchives():
    assert command.unarchive(AMP, THREAD) == ["/opt/amp", "threads", "archive", "--unarchive", THREAD]


@pytest.mark.parametrize(
    ("mode", "given_words"),
    [(None, []), ("", []), ("any word", ["--mode", "any word"]), ("-x", ["--mode=-x"]), ("深", ["--mode", "深"])],
)
def test_a_mode_is_any_word(mode, given_words):
    assert first(mode=mode)[len(COMMON) + 1 :] == given_words


@pytest.mark.parametrize("mode", ["a\nb", "\x00", "a\x1b[0m", " ", "\ud800", "a\u202eb"])
def test_a_mode_with_control_characters_is_refused(mode):
    with pytest.raises(Refused):
        first(mode=mode)


def test_a_title_that_begins_with_a_dash_is_no_option():
    assert first(title="--help me")[-1] == "--title=--help me"
    assert first(title="\x00\n") == first()
    assert len(first(title="x" * 5000)[-1]) == command.TITLE_LENGTH


@given(st.text(), st.text())
def test_no_title_or_mode_brings_an_option_of_its_own(title, mode):
    try:
        line = first(mode=mode, title=title)
    except Refused:
        return
    given_options = [word.partition("=")[0] for word in line[1:] if word.startswith("-")]
    common = [word for word in COMMON if word.startswith("-")]
    asked = [*(["--mode"] if mode else []), *(["--title"] if printable(title) else [])]
    assert given_options == common + asked
    assert all("\x00" not in word for word in line)


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ("--no-ide", ["amp", "--mode", "m", "--title=--t", "--log-level", "info"]),
        ("--mode", ["amp", "--no-ide", "--title=--t", "--log-level", "info"]),
        ("--title", ["amp", "--no-ide", "--mode", "m", "--log-level", "info"]),
        ("--log", ["amp", "--no-ide", "--mode", "m", "--title=--t", "--log-level", "info"]),
    ],
)
def test_one_option_is_dropped_with_its_value(option, left):
    line = ["amp", "--no-ide", "--mode", "m", "--title=--t", "--log-level", "info"]
    assert command.without(line, option) == left


def test_the_environment_is_the_users_with_what_a_run_needs():
    removed = [
        *(
            "AMP_THREAD_ID",
            "AMP_CURRENT_THREAD_ID",
            "AGENT_THREAD_ID",
            "AMP_SETTINGS_FILE",
            "AMP_LOG_FILE",
            "AMP_LOG_LEVEL",
        ),
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"),
    ]
    kept = {
        "AMP_API_KEY": "k",
        "AMP_URL": "u",
        "HOME": "/h",
        "XDG_CONFIG_HOME": "/c",
        "HTTPS_PROXY": "p",
        "PAGER": "less",
        "TERM": "x",
    }
    made = command.environment({**dict.fromkeys(removed, "x"), **kept, "AMPSM_RUN_ID": "outer"}, "it1")
    assert made == {
        **kept,
        "AMP_SKIP_UPDATE_CHECK": "1",
        "NO_COLOR": "1",
        "NO_ANIMATION": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "PAGER": "cat",
        "AMPSM_RUN_ID": "it1",
    }


def test_a_question_to_amp_carries_no_mark_not_even_an_inherited_one():
    assert "AMPSM_RUN_ID" not in command.environment({"AMPSM_RUN_ID": "outer"})


def user_settings(tmp_path, name, content):
    path = tmp_path / "amp" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


OURS = {"amp.tools.disable": ["ask_user_choice"], "amp.updates.mode": "disabled", "amp.notifications.enabled": False}


@pytest.mark.parametrize("content", [None, b"", b" \n", b"{}", b"\xef\xbb\xbf{}"])
def test_without_settings_of_the_users_ours_stand_alone(tmp_path, content):
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    if content is not None:
        environ = user_settings(tmp_path, "settings.json", content)
    assert json.loads(command.settings(environ)) == OURS


def test_the_users_settings_stay_but_for_updates_notifications_and_questions(tmp_path):
    environ = user_settings(
        tmp_path,
        "settings.json",
        b"""{ // mine
          "amp.dangerouslyAllowAll": false, "amp.git.commit.coauthor.enabled": false,
          "amp.permissions": [{"tool": "Bash", "action": "ask"},],
          "amp.updates.mode": "auto", "amp.notifications.enabled": true,
          "amp.tools.disable": ["web_search", "ask_user_choice"], "amp.mcpServers": {"x": {"url": "https://x//y"}}, }""",
    )
    assert json.loads(command.settings(environ)) == {
        "amp.dangerouslyAllowAll": False,
        "amp.git.commit.coauthor.enabled": False,
        "amp.permissions": [{"tool": "Bash", "action": "ask"}],
        "amp.updates.mode": "disabled",
        "amp.notifications.enabled": False,
        "amp.tools.disable": ["web_search", "ask_user_choice"],
        "amp.mcpServers": {"x": {"url": "https://x//y"}},
    }


def test_where_the_users_settings_are(tmp_path):
    home = tmp_path / "home"
    (home / ".config" / "amp").mkdir(parents=True)
    (home / ".config" / "amp" / "settings.jsonc").write_text('{"a": "home"}')
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": "relative"}
    assert json.loads(command.settings(environ))["a"] == "home"
    (home / ".config" / "amp" / "settings.json").write_text('{"a": "plain"}')
    assert json.loads(command.settings(environ))["a"] == "plain"
    named = tmp_path / "named.json"
    named.write_text('{"a": "named"}')
    assert json.loads(command.settings({**environ, "AMP_SETTINGS_FILE": str(named)}))["a"] == "named"
    assert json.loads(command.settings({**environ, "AMP_SETTINGS_FILE": str(tmp_path / "none")})) == OURS


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"null", b"\xff\xfe", b'{"amp.tools.disable": "x"}', b"[" * 100_000, b'{"a": 1 "b": 2}']
)
def test_broken_settings_are_named(tmp_path, content):
    environ = user_settings(tmp_path, "settings.json", content)
    with pytest.raises(Unfit) as told:
        command.settings(environ)
    assert str(tmp_path / "amp" / "settings.json") in told.value.message
    assert str(tmp_path / "amp" / "settings.json") in told.value.hint


def test_settings_that_are_a_folder_are_named(tmp_path):
    with pytest.raises(Unfit, match="amp's settings"):
        command.settings({"AMP_SETTINGS_FILE": str(tmp_path)})


def test_odd_values_in_the_users_settings_can_still_be_written(tmp_path):
    environ = user_settings(tmp_path, "settings.json", b'{"a": "\\ud83d", "amp.tools.disable": [1, null]}')
    assert json.loads(command.settings(environ))["amp.tools.disable"] == [1, None, "ask_user_choice"]


@pytest.mark.parametrize("prompt", ["-foo", "héllo \U0001f600", "x" * 1_048_576, "é" * 524_288, "line\n\nline"])
def test_a_prompt_is_its_utf8_bytes(prompt):
    assert command.check_prompt(prompt) == prompt.encode()


def test_a_prompt_with_a_nul_is_refused():
    with pytest.raises(Refused, match=r"NUL .character 2.:"):
        command.check_prompt("a\0b")


@pytest.mark.parametrize("prompt", ["", " \n\t", "\ufeff", "\u2003\u00a0", "x" * 1_048_577, "é" * 524_289, "a\udcff"])
def test_a_prompt_that_amp_would_not_take_is_refused_before_anything_starts(prompt):
    with pytest.raises(Refused) as told:
        command.check_prompt(prompt)
    assert told.value.hint
