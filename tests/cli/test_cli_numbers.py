"""metrics, export, report and import as a person calls them."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from ampsm_engine.model import ScriptResult, Tally
from tests.cli.conftest import Ampsm, Shelf
from tests.cli.test_cli_start import imported
from tests.conftest import git

SAMPLE = Path(__file__).parents[1] / "store" / "data" / "predecessor.sqlite"
KEY = "sk-ant-api03-" + "a1B2" * 22 + "AA"


@pytest.fixture
def two(shelf: Shelf) -> Shelf:
    for name, tokens in (("fix login", 1000), ("=dark", 5)):
        session = shelf.session(name)
        shelf.iteration(session, prompt=f"Do {name} {KEY}", tally=Tally(tokens, 200, 30, 4, turns=2))
    shelf.iteration(shelf.made[0], test_result=ScriptResult.FAIL)
    return shelf


def test_the_figures_all_in_all_and_by_session(ampsm: Ampsm, two: Shelf) -> None:
    shown = ampsm("metrics").out
    assert re.search(r"tokens +1,473\n", shown)
    assert re.search(r"cost +unknown", shown)
    rows = ampsm("metrics", "--by", "session").out.splitlines()
    assert [row.split()[0] for row in rows] == ["SESSION", "fix", "=dark", "in"]
    document = ampsm("metrics", "--by", "session", "--json").json
    assert document["version"] == 1
    assert [(row["label"], row["tokenUsage"], row["successRate"]) for row in document["rows"]] == [
        ("fix login", 1234, 0.5),
        ("=dark", 239, 1.0),
    ]
    assert (document["total"]["costUsd"], document["total"]["tokenUsage"]) == (None, 1473)
    only = ampsm("metrics", "--json", "--session", "=dark").json
    assert only["total"]["tokenUsage"] == 239
    assert ampsm("metrics", "--json", "--until", "2020-01-01").json["total"]["iterations"] == 0


def test_csv_is_for_a_spreadsheet(ampsm: Ampsm, two: Shelf) -> None:
    rows = list(csv.DictReader(io.StringIO(ampsm("metrics", "--by", "session", "--csv").out, newline="")))
    assert [(row["label"], row["tokenUsage"], row["costUsd"]) for row in rows] == [
        ("fix login", "1234", ""),
        ("'=dark", "239", ""),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["metrics", "--json", "--csv"], 2, "either"),
        (["metrics", "--since", "soon"], 4, "is no moment"),
        (["metrics", "--session", "nobody"], 3, "no session"),
        (["metrics", "--batch", "nobody"], 3, "no batch"),
        (["export"], 2, "Say which table"),
        (["export", "sqlite_master"], 3, "There is no table"),
        (["export", "--format", "markdown"], 2, "takes sessions"),
        (["import", "/no/such/file"], 3, "There is no file"),
    ],
)
def test_what_cannot_be_is_told(ampsm: Ampsm, two: Shelf, arguments: list[str], code: int, words: str) -> None:
    ran = ampsm(*arguments)
    assert ran.code == code
    assert words in ran.err


def test_a_table_in_three_formats_has_the_same_rows_and_no_secret(ampsm: Ampsm, two: Shelf) -> None:
    document = ampsm("export", "iterations").json
    assert (document["version"], document["table"], len(document["rows"])) == (1, "iterations", 3)
    lines = ampsm("export", "iterations", "-f", "ndjson").lines
    assert [{"version": 1, "table": "iterations", **row} for row in document["rows"]] == lines
    text = ampsm("export", "iterations", "-f", "csv").out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["id"] for row in rows] == [row["id"] for row in document["rows"]]
    assert list(rows[0]) == list(document["rows"][0])
    assert KEY not in text + json.dumps(document)
    chosen = ampsm("export", "iterations", "--session", two.made[1].id).json["rows"]
    assert [row["sessionId"] for row in chosen] == [two.made[1].id]
    assert ampsm("export", "sessions", "--until", "2020-01-01").json["rows"] == []


def test_a_file_is_private_whole_and_not_replaced_unasked(ampsm: Ampsm, two: Shelf, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert ampsm("report", "-o", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("<!doctype html>")
    file.write_text("mine")
    ran = ampsm("report", "-o", str(file))
    assert (ran.code, file.read_text()) == (4, "mine")
    assert "--force" in ran.err
    assert ampsm("report", "-o", str(file), "--force").code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]
    ran = ampsm("export", "facts", "-o", str(tmp_path / "no" / "such" / "place"))
    assert (ran.code, "could not be written" in ran.err) == (1, True)


def test_a_report_on_a_terminal_is_markdown(ampsm: Ampsm, two: Shelf) -> None:
    shown = ampsm("report", "--session", "fix login").out
    assert shown.startswith("# ampsm: session fix login\n")
    assert "| `fix login` | 2 | 50% | 1.2k |" in shown


def test_a_session_as_markdown_has_prompt_answer_and_diff(
    ampsm: Ampsm, changed: tuple[str, Path], shelf: Shelf
) -> None:
    session_id, worktree = changed
    session = shelf.engine.store.sessions.get(session_id)
    said = {"type": "assistant", "message": {"content": [{"type": "text", "text": f"```\nfenced {KEY}\x1b[2J\n```"}]}}
    iteration = shelf.iteration(session, prompt="Answer `42`", stream=json.dumps(said).encode() + b"\n")
    tip = git(worktree, "rev-parse", "HEAD").strip()
    shelf.engine.store.iterations.update(iteration.id, start_sha=session.base_commit, commit_sha=tip)
    shown = ampsm("export", "-f", "markdown", "-S", session_id).out
    assert "```text\nAnswer `42`\n```" in shown
    assert "````text\n```\nfenced [redacted:" in shown, "a fence in amp's words does not end ours"
    assert "␛[2J" in shown
    assert "```diff\ndiff --git a/app.py b/app.py\n" in shown
    assert "+    return 42\n" in shown
    assert KEY not in shown


def test_import_tells_what_is_history(ampsm: Ampsm) -> None:
    ran = ampsm("import", str(SAMPLE))
    assert ran.code == 0
    assert ran.out.startswith("Imported 5 sessions, 6 iterations, 11 tool calls, 1 batch with 2 items.\n")
    assert ran.out.count("kept as history") == 5
    again = ampsm("import", str(SAMPLE), "--json").json
    assert (again["sessions"], again["iterations"], again["knownSessions"], again["history"]) == (0, 0, 5, [])
    assert "No sessions yet." in ampsm("ls").err
    shown = ampsm("show", "Fix flaky test")
    assert "history     imported from" in shown.out
    assert "repair" not in shown.err


def test_a_run_is_exported_and_reported_on(ampsm: Ampsm, tmp_path: Path) -> None:
    ampsm("import", str(SAMPLE))
    (run,) = ampsm("export", "batchRuns").json["rows"]
    items = ampsm("batch", "export", run["id"]).json
    assert (items["table"], [row["state"] for row in items["rows"]]) == ("batchItems", ["success", "success"])
    iterations = ampsm("batch", "export", run["id"], "iterations").json["rows"]
    assert {row["sessionId"] for row in iterations} == {row["sessionId"] for row in items["rows"]}
    assert len(ampsm("batch", "export", run["id"], "-f", "markdown").out.split("\n# ")) == 2
    assert re.search(r"^- tokens: 4,600$", ampsm("batch", "report", run["id"]).out, re.MULTILINE)
    file = tmp_path / "run.html"
    assert ampsm("batch", "report", run["id"], "-o", str(file)).code == 0
    assert file.read_text().count("<svg") > 4


def test_figures_are_read_without_what_only_writing_or_drawing_needs(two: Shelf) -> None:
    heavy = {"pygal", "plotext", "peewee", "pygit2", "textual", "asyncio"}
    assert imported("metrics", "--json") & heavy == set()
    assert imported("report") & heavy == set()
    assert {name for name in imported("ls", "--json") if name.startswith("ampsm_engine.metrics")} == set()
