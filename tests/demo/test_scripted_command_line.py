"""The scripted amp reads a command line as the real one does, and refuses what the real one refuses."""

import json
import re
from pathlib import Path

import pytest

from tests.soak import one_in

FLAGS = json.loads(Path(__file__).with_name("recorded").joinpath("help-flags.json").read_text())
OPTION = re.compile(r"^\s{2,}(?:-\w, )?(--[a-z][a-z0-9-]+)", re.MULTILINE)


@pytest.mark.parametrize("known", one_in(3, FLAGS), ids=[flags["released"] for flags in FLAGS])
def test_help_lists_what_the_real_help_lists(amp, known):
    done = amp.run(None, ["--help"], AMPSM_SCRIPTED_VERSION=known["version"])
    assert done.code == 0
    assert set(OPTION.findall(done.out.decode())) == set(known["help_options"])


@pytest.mark.parametrize("known", one_in(3, FLAGS), ids=[flags["released"] for flags in FLAGS])
def test_options_are_refused_and_accepted_as_recorded(amp, known):
    for option in known["rejected_when_tested"]:
        done = amp.run("ok", ["--execute", option], AMPSM_SCRIPTED_VERSION=known["version"])
        assert (done.code, done.out) == (1, b"")
        assert done.err == f"Error: error: unknown option '{option}'\n"
    accepted = ["--execute", "--stream-json", "--no-ide", "--no-notifications", *known["hidden_but_accepted"]]
    assert amp.run("ok", accepted, AMPSM_SCRIPTED_VERSION=known["version"]).result["result"] == "ok"


def test_version_has_the_real_form(amp):
    said = amp.run(None, ["--version"]).out.decode()
    assert re.match(r"^(0\.0\.(\d+)-g([0-9a-f]+)) \(released 2026-09-23T05:55:11\.000Z, \d+mo ago\)$", said.strip())


def test_an_option_without_its_value_is_refused(amp):
    done = amp.run("ok", ["--execute", "--mode"])
    assert (done.code, done.err) == (1, "Error: error: option '-m, --mode <value>' argument missing\n")


def test_the_mode_is_echoed(amp):
    assert amp.run("ok", ["--execute", "--stream-json", "-m", "high"]).lines[0]["agent_mode"] == "high"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (b"", "must be provided through stdin"),
        (b" \n ", "must be provided through stdin"),
        (b"\xff\xfe", "not valid UTF-8"),
        (b"x" * 1_048_577, "1048577 UTF-8 bytes exceeds the 1048576-byte limit"),
    ],
    ids=["empty", "blank", "not-utf8", "too-big"],
)
def test_prompts_that_amp_refuses(amp, prompt, said):
    done = amp.run("ok", prompt=prompt)
    assert (done.code, done.out) == (1, b"")
    assert said in done.err


def test_a_prompt_of_exactly_the_limit_is_read_to_its_end(amp):
    done = amp.run("ok", prompt=b"x" * 1_048_575 + b"y")
    assert done.lines[1]["message"]["content"][0]["text"].endswith("xy")


def test_a_prompt_with_a_leading_dash_and_in_the_arguments(amp):
    assert amp.run("ok", prompt=b"--version").lines[1]["message"]["content"] == [{"type": "text", "text": "--version"}]
    both = amp.run("ok", ["-x", "SCN:ok arg", "--stream-json"], prompt=b"extra stdin text\n")
    assert [block["text"] for block in both.lines[1]["message"]["content"]] == [
        "Input received on stdin:\n```\nextra stdin text\n```",
        "SCN:ok arg",
    ]


def test_settings_must_be_there_and_be_json(amp, tmp_path):
    settings = tmp_path / "settings.json"
    arguments = ["--execute", "--stream-json", "--settings-file", str(settings)]
    assert "settings file" in amp.run("ok", arguments).err
    settings.write_text("{bad")
    done = amp.run("ok", arguments)
    assert (done.code, done.out) == (1, b"")
    assert done.err.startswith(f"Error: Invalid JSON in settings file {settings}\n")
    settings.write_text('{"amp.updates.mode": "disabled"}')
    assert amp.run("ok", arguments).result["result"] == "ok"


def test_logged_out_asks_for_a_login_on_stdout_and_waits(amp):
    process = amp.start("ok", AMPSM_SCRIPTED_LOGGED_OUT="1")
    assert process.stdout
    head = process.stdout.readline()
    assert head == b"No API key found. Starting login flow...\n"
    assert process.poll() is None
    process.terminate()
    done = amp.end(process)
    assert done.code == -15
    assert re.search(rb"cli-login\?authToken=[0-9a-f]{64}\n\nWhen prompted, paste your code here: \Z", done.out)


@pytest.mark.parametrize("command", [["usage"], ["threads", "usage", "T-1"], ["threads", "archive", "T-1"]])
def test_logged_out_queries_exit_at_once(amp, command):
    done = amp.run(None, command, AMPSM_SCRIPTED_LOGGED_OUT="1")
    assert (done.code, done.out) == (1, b"")
    assert "Not logged in. Run 'amp login'" in done.err


def test_usage_tells_the_balance(amp):
    assert "Individual credits: $4.39 remaining" in amp.run(None, ["usage"]).out.decode()


def test_the_log_file_has_the_thread_before_stdout_has_anything(amp, tmp_path):
    log = tmp_path / "private.log"
    log.touch(mode=0o600)
    process = amp.start("hold-before-init", ["--execute", "--stream-json", "--log-file", str(log)])
    amp.held()
    early = re.search(r'"threadId":"(T-[0-9a-f-]{36})"', log.read_text())
    assert all(isinstance(json.loads(line), dict) for line in log.read_text().splitlines())
    amp.go()
    assert early
    assert amp.end(process).thread == early[1]


def test_the_scenario_of_the_prompt_is_found_by_its_directive(amp):
    assert amp.run(prompt=b"Please do this.\n  Scenario: no-result\n").lines[-1]["type"] == "assistant"
    unknown = amp.run(prompt=b"scenario: nowhere")
    assert unknown.code == 70
    assert "add-a-feature" in unknown.err


def test_any_other_prompt_changes_a_file(amp):
    assert amp.run(prompt=b"whatever", AMPSM_SCRIPTED_PACE="0").result["is_error"] is False
    assert (amp.folder / "notes/requests.md").exists()


def test_tools_inherit_the_mark_and_amps_own_variables(amp):
    done = amp.run([{"shell": "echo $AMPSM_RUN_ID $AGENT $AI_AGENT $TERM $NO_COLOR; cat; ps -o sid= -p $$; echo $$"}])
    words = json.loads(done.contents[0])["output"].split()
    assert words[:5] == ["run-of-this-test", "amp", "amp", "dumb", "1"]
    assert words[5] == words[6], "a tool command runs in a session of its own"
