"""The tables as peewee models, for writing. Nobody outside this room sees one.

Every text passes one of the two field types here on its way in, so that no caller can forget to clean or to
redact it. The schema itself is made by migrations; a test holds that both agree.
"""

# ruff: noqa: D106 - peewee gives the class its meaning

import os
from typing import Any

from peewee import AutoField, BooleanField, CompositeKey, Field, IntegerField, Model, TextField


def clean(value: object) -> str:
    """Text that UTF-8 can hold: an unpaired surrogate becomes a question mark, NUL and all else stay."""
    return str(value).encode("utf-8", "replace").decode()


class Plain(TextField):
    """Text that must come back as it went in: ids, paths, branches, commits, states, times."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        return None if value is None else clean(value)


class RedactedText(TextField):
    """Text by people, by amp or by programs: secrets are taken out before it is stored."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        if value is None:
            return None
        from ampsm_engine import redact  # only who writes pays for its rules

        return clean(redact.text(clean(value)))


class FileName(TextField):
    """A path inside a repository; one that is no UTF-8 is kept as `/` and its bytes in hex: no such path begins so."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        if value is None:
            return None
        name = str(value)
        return f"/{os.fsencode(name).hex()}" if any("\ud800" <= letter <= "\udfff" for letter in name) else name


def file_name(stored: str | None) -> str | None:
    """The path that a `FileName` column holds in its stored form; None stays None."""
    if stored is None or not stored.startswith("/"):
        return stored
    try:
        return os.fsdecode(bytes.fromhex(stored[1:]))
    except ValueError:  # another program wrote it
        return stored


class SessionRow(Model):
    """A row of `sessions`."""

    id = Plain(primary_key=True)
    name = RedactedText()
    amp_prompt = RedactedText(column_name="ampPrompt", null=True)
    repo_root = Plain(column_name="repoRoot")
    base_branch = Plain(column_name="baseBranch")
    branch_name = Plain(column_name="branchName")
    worktree_path = Plain(column_name="worktreePath")
    status = Plain()
    created_at = Plain(column_name="createdAt")
    base_commit = Plain(column_name="baseCommit")
    script_command = RedactedText(column_name="scriptCommand", null=True)
    model_override = Plain(column_name="modelOverride", null=True)
    last_run = Plain(column_name="lastRun", null=True)
    notes = RedactedText(null=True)
    thread_id = Plain(column_name="threadId", null=True)
    trashed_at = Plain(column_name="trashedAt", null=True)
    branch_made_by = Plain(column_name="branchMadeBy")
    outside = RedactedText(null=True)

    class Meta:
        table_name = "sessions"


class IterationRow(Model):
    """A row of `iterations`."""

    id = Plain(primary_key=True)
    session_id = Plain(column_name="sessionId")
    number = IntegerField()
    prompt = RedactedText()
    state = Plain()
    queued_at = Plain(column_name="queuedAt")
    start_time = Plain(column_name="startTime", null=True)
    end_time = Plain(column_name="endTime", null=True)
    commit_sha = Plain(column_name="commitSha", null=True)
    start_sha = Plain(column_name="startSha", null=True)
    changed_files = IntegerField(column_name="changedFiles")
    test_result = Plain(column_name="testResult", null=True)
    test_exit_code = IntegerField(column_name="testExitCode", null=True)
    outcome = Plain(null=True)
    failure = Plain(null=True)
    error = RedactedText(null=True)
    hint = RedactedText(null=True)
    thread_id = Plain(column_name="threadId", null=True)
    mode = Plain(null=True)
    activity = RedactedText(null=True)
    attempts = IntegerField()
    offset = IntegerField()
    stop_requested_at = Plain(column_name="stopRequestedAt", null=True)
    duration_ms = IntegerField(column_name="durationMs", null=True)
    exit_code = IntegerField(column_name="exitCode", null=True)
    input_tokens = IntegerField(column_name="inputTokens", null=True)
    output_tokens = IntegerField(column_name="outputTokens", null=True)
    cache_creation_tokens = IntegerField(column_name="cacheCreationTokens", null=True)
    cache_read_tokens = IntegerField(column_name="cacheReadTokens", null=True)
    turns = IntegerField()
    tools = IntegerField()
    refusals = IntegerField()
    subagent_tokens = IntegerField(column_name="subagentTokens", null=True)
    token_usage = IntegerField(column_name="tokenUsage", null=True)

    class Meta:
        table_name = "iterations"


class ToolCallRow(Model):
    """A row of `toolCalls`."""

    iteration_id = Plain(column_name="iterationId")
    sequence = IntegerField()
    tool_id = Plain(column_name="toolId")
    name = RedactedText()
    arguments = RedactedText()
    success = BooleanField(null=True)
    summary = RedactedText()

    class Meta:
        table_name = "toolCalls"
        primary_key = CompositeKey("iteration_id", "sequence")


class FactRow(Model):
    """A row of `facts`: only ever added."""

    number = AutoField()
    time = Plain()
    kind = Plain()
    session_id = Plain(column_name="sessionId", null=True)
    iteration_id = Plain(column_name="iterationId", null=True)
    text = RedactedText()

    class Meta:
        table_name = "facts"


class MergeRow(Model):
    """A row of `merges`."""

    id = Plain(primary_key=True)
    session_id = Plain(column_name="sessionId")
    kind = Plain()
    state = Plain()
    step = Plain()
    target = Plain()
    base_before = Plain(column_name="baseBefore")
    base_after = Plain(column_name="baseAfter")
    branch_before = Plain(column_name="branchBefore")
    branch_after = Plain(column_name="branchAfter")
    message = RedactedText()
    plan = Plain()
    error = RedactedText(null=True)
    started_at = Plain(column_name="startedAt")
    ended_at = Plain(column_name="endedAt", null=True)

    class Meta:
        table_name = "merges"


class ViewedHunkRow(Model):
    """A row of `viewedHunks`."""

    session_id = Plain(column_name="sessionId")
    path = FileName()
    key = Plain()
    viewed_at = Plain(column_name="viewedAt")

    class Meta:
        table_name = "viewedHunks"
        primary_key = CompositeKey("session_id", "path", "key")


class LookedTreeRow(Model):
    """A row of `lookedTrees`."""

    session_id = Plain(column_name="sessionId", primary_key=True)
    tree = Plain()
    looked_at = Plain(column_name="lookedAt")

    class Meta:
        table_name = "lookedTrees"


class CommentRow(Model):
    """A row of `reviewComments`."""

    id = Plain(primary_key=True)
    session_id = Plain(column_name="sessionId")
    path = FileName()
    old_path = FileName(column_name="oldPath", null=True)
    side = Plain()
    line = IntegerField()
    line_end = IntegerField(column_name="lineEnd")
    quote = RedactedText()
    context = RedactedText()
    blob = Plain()
    other_blob = Plain(column_name="otherBlob")
    text = RedactedText()
    state = Plain()
    created_at = Plain(column_name="createdAt")
    updated_at = Plain(column_name="updatedAt")
    outcome = Plain(null=True)
    iteration_id = Plain(column_name="iterationId", null=True)
    now_path = FileName(column_name="nowPath", null=True)
    now_line = IntegerField(column_name="nowLine", null=True)
    now_line_end = IntegerField(column_name="nowLineEnd", null=True)
    now_blob = Plain(column_name="nowBlob", null=True)

    class Meta:
        table_name = "reviewComments"


class RejectionRow(Model):
    """A row of `rejections`."""

    id = Plain(primary_key=True)
    session_id = Plain(column_name="sessionId")
    path = FileName()
    old_path = FileName(column_name="oldPath", null=True)
    reason = RedactedText(null=True)
    quote = RedactedText()
    tree = Plain()
    created_at = Plain(column_name="createdAt")
    commit_sha = Plain(column_name="commitSha", null=True)
    undone_at = Plain(column_name="undoneAt", null=True)
    iteration_id = Plain(column_name="iterationId", null=True)
    note = RedactedText(null=True)

    class Meta:
        table_name = "rejections"


TABLES: tuple[type[Model], ...] = (
    *(SessionRow, IterationRow, ToolCallRow, FactRow),
    *(ViewedHunkRow, LookedTreeRow, CommentRow, RejectionRow, MergeRow),
)


def changes(table: type[Model], values: dict[str, object], *, fixed: frozenset[str]) -> "dict[Field[Any], object]":
    """The fields of a table for columns in snake case; TypeError for one that is unknown or must stay."""
    fields: dict[str, Field[Any]] = table._meta.fields  # noqa: SLF001 - peewee documents it
    for name in values:
        if name not in fields or name in fixed:
            raise TypeError(f"{name!r} is not a column of {table.__name__} that may be changed here")
    return {fields[name]: value for name, value in values.items()}
