"""The tables of reviews as peewee models, for writing: no value of `model` has their columns, so they stand here."""

# ruff: noqa: D106 - peewee gives the class its meaning

from peewee import CompositeKey, Model

from ampsm_engine.store.columns import Count, FileName, Plain, RedactedText


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
    answer = Plain(null=True)
    answer_text = RedactedText(null=True)
    answered_at = Plain(null=True)
    author = RedactedText()

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
    state = Plain()
    key = Plain(null=True)
    hunk = Plain(null=True)
    old_end = Plain(null=True)
    new_end = Plain(null=True)
    seen = Plain(null=True)

    class Meta:
        table_name = "rejections"


class PullRequestRow(Model):
    """A row of `pullRequests`."""

    session_id = Plain(primary_key=True)
    number = Count()
    url = Plain()
    title = RedactedText()
    body = RedactedText()
    author = RedactedText()
    base_branch = Plain()
    head_sha = Plain()
    base_sha = Plain()
    start_sha = Plain()
    tool = Plain()
    host = Plain()
    project = Plain()
    remote = Plain()

    class Meta:
        table_name = "pullRequests"


class ReviewRoundRow(Model):
    """A row of `reviewRounds`."""

    session_id = Plain()
    number = Count()
    iteration_id = Plain()
    sent_at = Plain()

    class Meta:
        table_name = "reviewRounds"
        primary_key = CompositeKey("session_id", "number")
