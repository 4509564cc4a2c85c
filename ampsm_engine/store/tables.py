"""The tables as peewee models, for writing. They are not used outside of this room.

Every text passes one of the two field types here on its way in, so that no caller can forget to clean or to
redact it. The schema itself is made by migrations; a test holds that both agree.
"""

# ruff: noqa: D106 - peewee gives the class its meaning

import os
from typing import Any

from peewee import AutoField, BooleanField, CompositeKey, Field, IntegerField, Model, Query, SqliteDatabase, TextField

from ampsm_engine.model import camel


class CamelColumn(Field):
    """A field whose column has its name in camel case: `base_branch` is `baseBranch`."""

    def bind(self, model: type[Model], name: str, set_attribute: bool = True) -> None:
        """Take the place of the model's attribute of that name."""
        self.column_name = camel(name)
        super().bind(model, name, set_attribute)


def clean(value: object) -> str:
    """Text that UTF-8 can hold: an unpaired surrogate becomes a question mark, NUL and all else stay."""
    return str(value).encode("utf-8", "replace").decode()


class Count(CamelColumn, IntegerField):
    """A whole number."""


class Plain(CamelColumn, TextField):
    """Text that must come back as it went in: ids, paths, branches, commits, states, times."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        return None if value is None else clean(value)


class RedactedText(CamelColumn, TextField):
    """Text by people, by amp or by programs: secrets are taken out before it is stored."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        if value is None:
            return None
        from ampsm_engine import redact  # only who writes pays for its rules

        return clean(redact.text(clean(value)))


class FileName(CamelColumn, TextField):
    """A path inside a repository; one that is no UTF-8 is kept as `/` and its bytes in hex: no such path begins so."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        if value is None:
            return None
        name = str(value)
        return f"/{os.fsencode(name).hex()}" if any("\ud800" <= letter <= "\udfff" for letter in name) else name


_DIALECT = SqliteDatabase(None)
"""How SQLite words a query; it is never connected."""


class SessionRow(Model):
    """A row of `sessions`."""

    id = Plain(primary_key=True)
    name = RedactedText()
    amp_prompt = RedactedText(null=True)
    repo_root = Plain()
    base_branch = Plain()
    branch_name = Plain()
    worktree_path = Plain()
    status = Plain()
    created_at = Plain()
    base_commit = Plain()
    script_command = RedactedText(null=True)
    model_override = Plain(null=True)
    last_run = Plain(null=True)
    notes = RedactedText(null=True)
    thread_id = Plain(null=True)
    trashed_at = Plain(null=True)
    branch_made_by = Plain()
    outside = RedactedText(null=True)

    class Meta:
        table_name = "sessions"


class IterationRow(Model):
    """A row of `iterations`."""

    id = Plain(primary_key=True)
    session_id = Plain()
    number = Count()
    prompt = RedactedText()
    state = Plain()
    queued_at = Plain()
    start_time = Plain(null=True)
    end_time = Plain(null=True)
    commit_sha = Plain(null=True)
    start_sha = Plain(null=True)
    changed_files = Count()
    test_result = Plain(null=True)
    test_exit_code = Count(null=True)
    outcome = Plain(null=True)
    failure = Plain(null=True)
    error = RedactedText(null=True)
    hint = RedactedText(null=True)
    thread_id = Plain(null=True)
    mode = Plain(null=True)
    activity = RedactedText(null=True)
    attempts = Count()
    offset = Count()
    stop_requested_at = Plain(null=True)
    duration_ms = Count(null=True)
    exit_code = Count(null=True)
    input_tokens = Count(null=True)
    output_tokens = Count(null=True)
    cache_creation_tokens = Count(null=True)
    cache_read_tokens = Count(null=True)
    turns = Count()
    tools = Count()
    refusals = Count()
    subagent_tokens = Count(null=True)
    token_usage = Count(null=True)

    class Meta:
        table_name = "iterations"


class ToolCallRow(Model):
    """A row of `toolCalls`."""

    iteration_id = Plain()
    sequence = Count()
    tool_id = Plain()
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
    session_id = Plain(null=True)
    iteration_id = Plain(null=True)
    text = RedactedText()

    class Meta:
        table_name = "facts"


class MergeRow(Model):
    """A row of `merges`."""

    id = Plain(primary_key=True)
    session_id = Plain()
    kind = Plain()
    state = Plain()
    step = Plain()
    target = Plain()
    base_before = Plain()
    base_after = Plain()
    branch_before = Plain()
    branch_after = Plain()
    message = RedactedText()
    plan = Plain()
    error = RedactedText(null=True)
    started_at = Plain()
    ended_at = Plain(null=True)

    class Meta:
        table_name = "merges"


class ViewedHunkRow(Model):
    """A row of `viewedHunks`."""

    session_id = Plain()
    path = FileName()
    key = Plain()
    viewed_at = Plain()

    class Meta:
        table_name = "viewedHunks"
        primary_key = CompositeKey("session_id", "path", "key")


class LookedTreeRow(Model):
    """A row of `lookedTrees`."""

    session_id = Plain(primary_key=True)
    tree = Plain()
    looked_at = Plain()

    class Meta:
        table_name = "lookedTrees"


class CommentRow(Model):
    """A row of `reviewComments`."""

    id = Plain(primary_key=True)
    session_id = Plain()
    path = FileName()
    old_path = FileName(null=True)
    side = Plain()
    line = Count()
    line_end = Count()
    quote = RedactedText()
    context = RedactedText()
    blob = Plain()
    other_blob = Plain()
    text = RedactedText()
    state = Plain()
    created_at = Plain()
    updated_at = Plain()
    outcome = Plain(null=True)
    iteration_id = Plain(null=True)
    now_path = FileName(null=True)
    now_line = Count(null=True)
    now_line_end = Count(null=True)
    now_blob = Plain(null=True)

    class Meta:
        table_name = "reviewComments"


class RejectionRow(Model):
    """A row of `rejections`."""

    id = Plain(primary_key=True)
    session_id = Plain()
    path = FileName()
    old_path = FileName(null=True)
    reason = RedactedText(null=True)
    quote = RedactedText()
    tree = Plain()
    created_at = Plain()
    commit_sha = Plain(null=True)
    undone_at = Plain(null=True)
    iteration_id = Plain(null=True)
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


def sql_of(query: Query) -> tuple[str, tuple[object, ...]]:
    """A query of peewee as SQL and its values, for the connection that the store holds itself."""
    sql, values = query.bind(_DIALECT).sql()
    return sql, tuple(values)
