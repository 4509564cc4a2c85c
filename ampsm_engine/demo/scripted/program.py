"""The scripted amp from argv to exit code: refusals first, then the prompt, then the stream.

The order of the checks is the real program's: options, help, credentials, settings, prompt, thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from . import command_line, scenario, threads
from .endings import SCENARIO_ERROR, Cancelled, Interrupts, Over, Refusal, ScenarioError
from .stream import Stream
from .tools import Shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import ParsedArguments, ScriptedVersion

PROMPT_LIMIT = 1_048_576
CANCELLED = "User cancelled (SIGINT/SIGTERM)"


def main(argv: list[str]) -> int:
    """Runs one command line and answers the exit code."""
    try:
        return _run(argv)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except ScenarioError as problem:
        sys.stderr.write(f"scripted amp: {problem}\n")
        return SCENARIO_ERROR
    except (BrokenPipeError, Cancelled):
        return 1


def _run(argv: list[str]) -> int:
    version = command_line.chosen(os.environ.get("AMPSM_SCRIPTED_VERSION"))
    request = command_line.parse(argv, version)
    if request.has("--help") or request.has("-h"):
        sys.stdout.write(command_line.help_text(version))
        return 0
    if request.has("--version") or request.words == ["version"]:
        sys.stdout.write(command_line.version_text(version, time.time()))
        return 0
    words = ["threads" if word in ("t", "thread") else word for word in request.words]
    if words[:1] == ["usage"] and version.knows_usage:
        return _usage([])
    if words[:1] == ["threads"] and words[1:2] not in (["continue"], ["c"]):
        return _threads(words[1:], request, version)
    is_follow_up = words[:1] == ["threads"]
    return _execute(request, version, words[2:] if is_follow_up else [], [] if is_follow_up else request.words)


def _logged_out() -> bool:
    return os.environ.get("AMPSM_SCRIPTED_LOGGED_OUT", "") not in ("", "0")


def _threads(words: list[str], request: ParsedArguments, version: ScriptedVersion) -> int:
    name = words[0] if words else ""
    if name not in version.threads:
        raise Refusal(f"Error: error: unknown command '{name}'")
    if name == "usage":
        return _usage(words[1:])
    if name != "archive":
        raise ScenarioError(f"`threads {name}` is not played")
    if _logged_out():
        raise Refusal("Error: Not logged in. Run 'amp login'")
    if len(words) < 2:
        raise Refusal("Error: error: missing required argument 'thread'")
    thread = threads.load(words[1])
    thread.facts["archived"] = not request.has("--unarchive")
    thread.save()
    return 0


def _usage(words: list[str]) -> int:
    """The balance, or what a thread cost: a cent an answer."""
    if _logged_out():
        raise Refusal("Error: Not logged in. Run 'amp login'")
    if not words:
        sys.stdout.write("Signed in as dev@example.com\nIndividual credits: $4.39 remaining\n")
        return 0
    thread = threads.load(words[0])
    cents = int(thread.facts["answers"])
    sys.stdout.write(f"Cost: ${cents // 100}.{cents % 100:02}\n")
    return 0


def _execute(request: ParsedArguments, version: ScriptedVersion, follow_up: list[str], words: list[str]) -> int:
    if _logged_out():
        return scenario.login_wait()
    _check_settings(request)
    echo = _prompt(request, words)
    prompt = "\n".join(echo)
    thread = threads.reopen(follow_up[0]) if follow_up else threads.create()
    chosen = scenario.choose(prompt, thread.facts["scenario"])
    played = scenario.load(chosen)
    run = int(thread.facts["runs"])
    steps = scenario.steps(played, run)
    thread.facts |= {"runs": run + 1, "scenario": "" if os.environ.get("AMPSM_SCENARIO") else chosen}
    thread.save()
    interrupts = Interrupts()
    stream = Stream(version, interrupts, thread_id=thread.id, echo=echo)
    stream.thinking = request.has("--stream-json-thinking")
    stream.as_json = stream.thinking or request.has("--stream-json")
    stream.agent_mode = request.value("--mode") or stream.agent_mode
    stream.usage = played.get("usage", stream.usage)
    allow_all = request.has("--dangerously-allow-all") or not version.asking
    player = scenario.Player(stream, Shell(interrupts, thread.id), interrupts, prompt=prompt, allow_all=allow_all)
    player.play(played.get("before_handlers", []))
    _log(request, thread.id)
    code = _played(player, steps)
    # All is said. Python gives signals back to the kernel while it ends: a second stop would kill with another code.
    interrupts.ignore()
    thread.facts["answers"] += stream.answers
    keep = request.has("--no-archive-after-execute") or follow_up or not version.archives
    thread.facts["archived"] = thread.facts["archived"] or not keep
    thread.save()
    return code


def _played(player: scenario.Player, steps: list[dict[str, object]]) -> int:
    """Plays to the end, or to a stop signal; answers the exit code."""
    stream = player.stream
    try:
        player.interrupts.install()
        player.play(steps)
        if player.wants_result and not stream.is_finished:
            stream.finish()
    except Over as over:
        return over.code
    except Cancelled:
        player.shell.kill()
        if not stream.is_finished:
            stream.finish(error=CANCELLED)
    return 0


def _check_settings(request: ParsedArguments) -> None:
    """Stricter than the real program, which overlooks a missing file: ampsm always writes the one it names."""
    path = request.value("--settings-file")
    if not path:
        return
    try:
        settings = json.loads(Path(path).read_bytes())
    except OSError as problem:
        raise Refusal(f"Error: Failed to read settings file {path}: {problem.strerror}") from problem
    except ValueError:
        raise Refusal(f"Error: Invalid JSON in settings file {path}\n\nFix the JSON syntax errors.") from None
    if not isinstance(settings, dict):
        raise Refusal(f"Error: Invalid JSON in settings file {path}\n\nFix the JSON syntax errors.")


def _prompt(request: ParsedArguments, words: list[str]) -> list[str]:
    """The prompt's parts: stdin, read to its end, and what stands in the arguments."""
    asked = [part for part in (request.value("--execute"), *words) if part]
    raw = sys.stdin.buffer.read()
    try:
        piped = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(
            "Error: Standard input is not valid UTF-8 and may contain binary data. "
            "Amp execute mode only accepts UTF-8 text on stdin."
        ) from None
    if not piped.strip() and not asked:
        raise Refusal(
            "Error: User message must be provided through stdin or as argument when using execute mode\n\n"
            'Either pass a message as an argument: amp --execute "your message"\n'
            'Or pipe via stdin: echo "your message" | amp --execute'
        )
    if len(raw) > PROMPT_LIMIT:
        raise Refusal(
            f"Error: Execute mode input is too large to send safely: {len(raw)} UTF-8 bytes exceeds the "
            f"{PROMPT_LIMIT}-byte limit. Reduce the prompt or piped stdin and try again."
        )
    if not asked:
        return [piped]
    return ([f"Input received on stdin:\n```\n{piped.rstrip()}\n```"] if piped.strip() else []) + asked


def _log(request: ParsedArguments, thread_id: str) -> None:
    """The log file: where the thread's id stands before anything is on stdout."""
    path = request.value("--log-file")
    if not path:
        return
    common = {"@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "level": "INFO"}
    lines = [
        common | {"message": "Starting Amp CLI.", "logger": "", "pid": os.getpid()},
        common | {"message": "Initializing CLI context", "argv": sys.argv, "pid": os.getpid()},
        common | {"message": "Thread created", "threadId": thread_id, "pid": os.getpid()},
    ]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    with Path(path).open("a", encoding="utf-8") as log:
        log.write(text)
