"""Reviews in the store: viewed marks, the trees that were reviewed, comments and rejections."""

# ruff: noqa: S608 - every piece is a column list of this file; values are bound

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import asdict
from ampsm_engine.store import records
from ampsm_engine.store.connection import Database, StorePart
from ampsm_engine.store.lazy_tables import tables
from ampsm_engine.store.rows import file_name

if TYPE_CHECKING:
    from ampsm_engine.review.annotations import (
        Comment,
        CommentAnswer,
        CommentState,
        Looked,
        PullRequest,
        Rejection,
        ReviewRound,
    )

_BATCH = 200
"""Marks a statement: the oldest SQLite takes 999 values in one."""

_FIXED = frozenset(
    {"id", "session_id", "created_at", "state", "iteration_id", "answer", "answer_text", "answered_at", "author"}
)


_WAITING = "state IN ('queued', 'doing')"


class RejectionsWait(Refused):
    """An iteration cannot be settled: rejections wait for its end."""


class CommentCounts(NamedTuple):
    """How the comments of a session stand: how many are not sent, were sent, and of those answered in either way."""

    unsent: int
    sent: int
    done: int
    declined: int
    notes: int
    rounds: int


class Reviews(StorePart):
    """Marks, comments and rejections. None of them is a fact of the session until it is sent or committed."""

    def viewed(self, session_id: str) -> frozenset[tuple[str, str]]:
        """The viewed marks of a session: paths and content keys."""
        found = self._db.select('SELECT path, "key" FROM "viewedHunks" WHERE "sessionId" = ?', (session_id,))
        return frozenset((str(file_name(path)), key) for path, key in found)

    def mark_viewed(self, session_id: str, pairs: Collection[tuple[str, str]], *, viewed: bool) -> None:
        """Set or remove marks; NotFound without the session. A mark that is so already stays."""
        with self._db.writing():
            records.session(self._db, session_id)
            ordered, now = sorted(set(pairs)), timestamps.now()
            for start in range(0, len(ordered), _BATCH):
                batch = ordered[start : start + _BATCH]
                if viewed:
                    rows = [
                        {"session_id": session_id, "path": path, "key": key, "viewed_at": now} for path, key in batch
                    ]
                    self._db.execute(tables.ViewedHunkRow.insert_many(rows).on_conflict_ignore())
                    continue
                for path, key in batch:
                    mine = (tables.ViewedHunkRow.session_id == session_id) & (tables.ViewedHunkRow.key == key)
                    self._db.execute(tables.ViewedHunkRow.delete().where(mine & (tables.ViewedHunkRow.path == path)))

    def looked_tree(self, session_id: str) -> "Looked | None":
        """The tree that was reviewed last in a session; None when none was."""
        from ampsm_engine.store import review_rows  # commands that ask nothing of reviews need not pay 3 ms for it

        columns = '"sessionId", tree, "lookedAt"'
        found = self._db.select(f'SELECT {columns} FROM "lookedTrees" WHERE "sessionId" = ?', (session_id,))
        return review_rows.Looked(*found[0]) if found else None

    def set_looked_tree(self, session_id: str, tree: str) -> None:
        """Store the tree that was reviewed; NotFound without the session."""
        with self._db.writing():
            records.session(self._db, session_id)
            row = tables.LookedTreeRow.insert(session_id=session_id, tree=tree, looked_at=timestamps.now())
            self._db.execute(row.on_conflict_replace())

    def comments(self, session_id: str) -> "tuple[Comment, ...]":
        """The comments of a session, oldest first, resolved ones too."""
        from ampsm_engine.store import review_rows

        where = f' WHERE "sessionId" = ?{review_rows.OLDEST_FIRST}'
        found = self._db.select(review_rows.COMMENTS + where, (session_id,))
        return tuple(review_rows.comment(row) for row in found)

    def counts(self, session_id: str) -> CommentCounts:
        """How the comments of a session stand; no value of a comment is made for it."""
        where = 'FROM "reviewComments" WHERE "sessionId" = ? GROUP BY state, answer'
        found = self._db.select(f"SELECT state, answer, count(*) {where}", (session_id,))
        rounds = self._db.select('SELECT count(*) FROM "reviewRounds" WHERE "sessionId" = ?', (session_id,))

        def count(state: str, answer: str | None = None) -> int:
            return sum(many for s, a, many in found if s == state and answer in (None, a))

        answered = (count("sent", "done"), count("sent", "no"))
        return CommentCounts(count("open"), count("sent"), *answered, count("note"), rounds[0][0])

    def comment(self, comment_id: str) -> "Comment":
        """The comment of exactly this id; NotFound."""
        from ampsm_engine.store import review_rows

        for row in self._db.select(f"{review_rows.COMMENTS} WHERE id = ?", (comment_id,)):
            return review_rows.comment(row)
        raise NotFound(f"There is no comment {comment_id}.", "ampsm comments SESSION")

    def add_comment(self, comment: "Comment") -> "Comment":
        """Add a comment; the comment as stored. NotFound without its session, Refused for an empty text."""
        with self._db.writing():
            records.session(self._db, comment.session_id)
            _refuse_empty_text(comment.text)
            columns = {name: value for name, value in asdict(comment).items() if name != "round"}
            self._db.execute(tables.CommentRow.insert(**columns))
            return self.comment(comment.id)

    def change_comment(self, comment_id: str, **columns: object) -> "Comment":
        """Change columns of a comment, named as its fields; NotFound. Its state has a verb of its own."""
        changed = tables.changes(tables.CommentRow, columns, fixed=_FIXED)
        with self._db.writing():
            if "text" in columns:
                _refuse_empty_text(str(columns["text"]))
                changed = tables.changes(tables.CommentRow, columns | {"updated_at": timestamps.now()}, fixed=_FIXED)
            if changed:
                self._db.execute(tables.CommentRow.update(changed).where(tables.CommentRow.id == comment_id))
            return self.comment(comment_id)

    def set_comment_state(self, comment_id: str, state: "CommentState") -> "Comment":
        """Resolve a comment, or open it again so that the next sending takes it; NotFound."""
        with self._db.writing():
            before = self.comment(comment_id)
            if before.state is not state:
                values: dict[str, object] = {"state": state, "updated_at": timestamps.now()}
                self._db.execute(tables.CommentRow.update(**values).where(tables.CommentRow.id == comment_id))
            return self.comment(comment_id)

    def answer_comment(
        self, comment_id: str, answer: "CommentAnswer", text: str | None, iteration_id: str | None = None
    ) -> "Comment":
        """Store what amp says of a comment. NotFound; Refused before it was sent. Fact: answered.

        `iteration_id`: the iteration that says so; None where it is not known.
        """
        with self._db.writing():
            before = self.comment(comment_id)
            if before.iteration_id is None:
                raise Refused(f"Comment {comment_id} was not sent to amp.", f"ampsm comments {before.session_id}")
            values: dict[str, object] = {"answer": answer, "answer_text": text, "answered_at": timestamps.now()}
            self._db.execute(tables.CommentRow.update(**values).where(tables.CommentRow.id == comment_id))
            told = f"{before.place}: {answer}{f', {text}' if text else ''}"
            about = iteration_id or before.iteration_id
            records.add_fact(self._db, "answered", told, session_id=before.session_id, iteration_id=about)
            return self.comment(comment_id)

    def rounds(self, session_id: str) -> "tuple[ReviewRound, ...]":
        """The rounds in which comments and rejections of a session were sent, by number."""
        from ampsm_engine.store import review_rows

        found = self._db.select(f'{review_rows.ROUNDS} WHERE "sessionId" = ? ORDER BY number', (session_id,))
        return tuple(review_rows.ReviewRound(*row) for row in found)

    def pull_request(self, session_id: str) -> "PullRequest | None":
        """The pull request that a session began from; None when it began from none."""
        if not self._db.select('SELECT 1 FROM "pullRequests" WHERE "sessionId" = ?', (session_id,)):
            return None  # as mostly, and then nothing of reviews is worth loading
        from ampsm_engine.store import review_rows

        found = self._db.select(f'{review_rows.PULL_REQUESTS} WHERE "sessionId" = ?', (session_id,))
        return review_rows.PullRequest(*found[0])

    def follow_pull_request(self, session_id: str, now: "PullRequest", *, base_commit: str) -> None:
        """Write down where a session's pull request stands now, and where its commits part from its base."""
        with self._db.writing():
            row = tables.PullRequestRow
            self._db.execute(row.update(**asdict(now)).where(row.session_id == session_id))
            records.change_session(self._db, session_id, base_commit=base_commit)
            told = f"pull request {now.number} has moved on, and its commits were fetched: it is at {now.head_sha[:12]}"
            records.add_fact(self._db, "note", told, session_id=session_id)

    def delete_comment(self, comment_id: str) -> None:
        """Delete a comment for good; NotFound."""
        with self._db.writing():
            self.comment(comment_id)
            self._db.execute(tables.CommentRow.delete().where(tables.CommentRow.id == comment_id))

    def rejections(self, session_id: str) -> "tuple[Rejection, ...]":
        """What was rejected in a session, oldest first, undone ones too."""
        from ampsm_engine.store import review_rows

        where = f' WHERE "sessionId" = ?{review_rows.OLDEST_FIRST}'
        found = self._db.select(review_rows.REJECTIONS + where, (session_id,))
        return tuple(review_rows.rejection(row) for row in found)

    def rejection(self, rejection_id: str) -> "Rejection":
        """The rejection of exactly this id; NotFound."""
        from ampsm_engine.store import review_rows

        for row in self._db.select(f"{review_rows.REJECTIONS} WHERE id = ?", (rejection_id,)):
            return review_rows.rejection(row)
        raise NotFound(f"There is no rejection {rejection_id}.", "ampsm reject SESSION")

    def add_rejection(self, rejection: "Rejection") -> "Rejection":
        """Write down what is about to be rejected; NotFound without the session. Its fact follows when it is done."""
        with self._db.writing():
            records.session(self._db, rejection.session_id)
            self._db.execute(tables.RejectionRow.insert(**asdict(rejection)))
            return self.rejection(rejection.id)

    def queue_rejection(self, rejection: "Rejection") -> "Rejection":
        """Add a rejection that waits for the end of the turn that runs; NotFound without the session.

        Refused when no iteration of it is at work any more: no worker would take it up.
        """
        with self._db.writing():
            records.session(self._db, rejection.session_id)
            where = "\"sessionId\" = ? AND state IN ('running', 'settling')"
            if not self._db.select(f"SELECT 1 FROM iterations WHERE {where}", (rejection.session_id,)):
                raise Refused("amp has just ended its turn: nothing was rejected yet.", "Reject it once more.")
            self._db.execute(tables.RejectionRow.insert(**asdict(rejection)))
            return self.rejection(rejection.id)

    def waiting_rejections(self, session_id: str) -> "tuple[Rejection, ...]":
        """The rejections of a session that are queued, or begun and not ended, oldest first."""
        from ampsm_engine.store import review_rows

        where = f' WHERE "sessionId" = ? AND {_WAITING}{review_rows.OLDEST_FIRST}'
        found = self._db.select(review_rows.REJECTIONS + where, (session_id,))
        return tuple(review_rows.rejection(row) for row in found)

    def begin_rejection(self, rejection_id: str, **columns: object) -> "Rejection | None":
        """Take a queued rejection out of the queue to carry it out, with these columns; None when it is gone."""
        changed = tables.changes(tables.RejectionRow, columns | {"state": "doing"}, fixed=_FIXED - {"state"})
        with self._db.writing():
            mine = (tables.RejectionRow.id == rejection_id) & (tables.RejectionRow.state == "queued")
            begun = self._db.execute(tables.RejectionRow.update(changed).where(mine))
            return self.rejection(rejection_id) if begun else None

    def change_rejection(
        self,
        rejection_id: str,
        fact: tuple[str, str] | None = None,
        *,
        iteration_id: str | None = None,
        **columns: object,
    ) -> "Rejection":
        """Change columns of a rejection, named as its fields, and record a fact (kind, text) of it; NotFound.

        `iteration_id`: the iteration that the fact is about.
        """
        changed = tables.changes(tables.RejectionRow, columns, fixed=frozenset({"id", "session_id", "created_at"}))
        with self._db.writing():
            before = self.rejection(rejection_id)
            if changed:
                self._db.execute(tables.RejectionRow.update(changed).where(tables.RejectionRow.id == rejection_id))
            if fact:
                records.add_fact(self._db, *fact, session_id=before.session_id, iteration_id=iteration_id)
            return self.rejection(rejection_id)

    def delete_rejection(self, rejection_id: str, *, queued: bool = False) -> None:
        """Take a rejection back that did not come to be; NotFound.

        `queued`: Refused where it is not queued any more.
        """
        with self._db.writing():
            found = self.rejection(rejection_id)
            if queued and found.state != "queued":
                raise Refused("That rejection does not wait any more.", f"ampsm reject {found.session_id}")
            self._db.execute(tables.RejectionRow.delete().where(tables.RejectionRow.id == rejection_id))


def refuse_waiting(db: Database, session_id: str) -> None:
    """RejectionsWait where rejections of a session wait for the end of its turn."""
    if db.select(f'SELECT 1 FROM "rejections" WHERE "sessionId" = ? AND {_WAITING} LIMIT 1', (session_id,)):
        raise RejectionsWait("Rejections wait for the end of this turn.")


def bind(db: Database, session_id: str, iteration_id: str, answers: Sequence[str]) -> None:
    """Tie comments and rejections of a session to the iteration that answers them, as the session's next round.

    Ids of others change nothing.
    """
    chosen = json.dumps(list(answers))
    which = ' WHERE "sessionId" = ? AND id IN (SELECT value FROM json_each(?))'
    anew = 'outcome = NULL, answer = NULL, "answerText" = NULL, "answeredAt" = NULL'
    sent = f'UPDATE "reviewComments" SET state = \'sent\', {anew}, "iterationId" = ?{which}'
    connection, bound = db.connection(), 0
    for update in (sent, f'UPDATE "rejections" SET "iterationId" = ?{which}'):
        bound += connection.execute(update, (iteration_id, session_id, chosen)).rowcount
    if bound:
        made = 'SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM "reviewRounds" WHERE "sessionId" = ?'
        columns = '("sessionId", number, "iterationId", "sentAt")'
        values = (session_id, iteration_id, timestamps.now(), session_id)
        connection.execute(f'INSERT INTO "reviewRounds" {columns} {made}', values)


def release(db: Database, iteration_id: str) -> None:
    """Open again what an iteration was to answer that never began."""
    opened = "UPDATE \"reviewComments\" SET state = 'open' WHERE \"iterationId\" = ? AND state = 'sent'"
    db.connection().execute(opened, (iteration_id,))
    db.connection().execute('DELETE FROM "reviewRounds" WHERE "iterationId" = ?', (iteration_id,))
    for table in ("reviewComments", "rejections"):
        db.connection().execute(f'UPDATE "{table}" SET "iterationId" = NULL WHERE "iterationId" = ?', (iteration_id,))


def _refuse_empty_text(text: str) -> None:
    if not text.strip():
        raise Refused("A comment needs at least one visible character.", 'ampsm comment SESSION PATH:LINE "TEXT"')
