"""What is told, and what not: endings once, errors always, nothing that nobody wants, several in one."""

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import notifications
from ampsm_engine.config import Settings
from ampsm_engine.model import Board, BoardRow, Fact, Iteration, Outcome, ScriptResult, Session, State, Status
from ampsm_engine.notifications import News, NotificationKind

ALL = Settings()
NONE = Settings({f"notify.{kind}": False for kind in NotificationKind})
T = "2026-09-14T12:00:00.000Z"


@dataclass
class Life:
    """Sessions that live through what may happen to them; `board()` is what a reader would see now."""

    facts: list[Fact] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    iterations: dict[str, list[Iteration]] = field(default_factory=dict)

    def fact(self, kind: str, session_id: str, iteration_id: str | None = None, text: str = "") -> None:
        self.facts.append(Fact(len(self.facts) + 1, T, kind, session_id, iteration_id, text or kind))

    def begin(self, name: str = "a") -> str:
        session_id = f"s-{name}"
        self.sessions[session_id] = Session(session_id, name, "", "/r", "main", "b", "/w", Status.IDLE, T)
        self.iterations[session_id] = []
        self.fact("created", session_id)
        return session_id

    def queue(self, one: str) -> None:
        number = len(self.iterations[one]) + 1
        self.iterations[one].append(Iteration(f"{one}-{number}", one, number, "p", State.QUEUED, T))
        self.fact("queued", one, f"{one}-{number}")

    def start(self, one: str) -> bool:
        if self._in(one, State.RUNNING) is not None:
            return False
        if (place := self._in(one, State.QUEUED)) is None:
            return False
        self.iterations[one][place] = replace(self.iterations[one][place], state=State.RUNNING, start_time=T)
        self.sessions[one] = replace(self.sessions[one], status=Status.RUNNING)
        self.fact("started", one, self.iterations[one][place].id)
        return True

    def end(
        self,
        one: str,
        outcome: Outcome = Outcome.DONE,
        *,
        script: ScriptResult | None = None,
        status: Status = Status.IDLE,
        error: str | None = None,
    ) -> bool:
        if (place := self._in(one, State.RUNNING)) is None:
            return False
        failed = outcome in (Outcome.FAILED, Outcome.CRASHED)
        status = Status.ERROR if failed else Status.AWAITING_INPUT if script is ScriptResult.FAIL else status
        self.iterations[one][place] = replace(
            self.iterations[one][place], state=State.SETTLED, outcome=outcome, test_result=script, error=error
        )
        self.sessions[one] = replace(self.sessions[one], status=status)
        word = {Outcome.DONE: "finished"}.get(outcome, outcome.value)
        self.fact(word, one, self.iterations[one][place].id, error or "")
        return True

    def _in(self, one: str, state: State) -> int | None:
        return next((n for n, it in enumerate(self.iterations[one]) if it.state is state), None)

    def row(self, one: str) -> BoardRow:
        of_this = self.iterations[one]
        running = [it for it in of_this if it.state in (State.RUNNING, State.SETTLING)]
        began = [it for it in of_this if it.start_time]
        waiting = [it for it in of_this if it.state is State.QUEUED]
        current = [*running[:1], *began[-1:], *waiting[:1], None][0]
        return BoardRow(self.sessions[one], len(of_this), len(waiting), current)

    def board(self) -> Board:
        return Board(tuple(self.row(one) for one in self.sessions), tuple(self.facts[-50:]))


@pytest.fixture
def life() -> Life:
    return Life()


def told(before: Board | None, after: Board, **options: object) -> list[NotificationKind]:
    return [one.kind for one in notifications.news(before, after, ALL, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ({}, NotificationKind.FINISHED),
        ({"script": ScriptResult.PASS}, NotificationKind.FINISHED),
        ({"script": ScriptResult.FAIL}, NotificationKind.TESTS_FAILED),
        ({"status": Status.AWAITING_INPUT}, NotificationKind.NEEDS_INPUT),
        ({"outcome": Outcome.FAILED}, NotificationKind.ERROR),
        ({"outcome": Outcome.CRASHED}, NotificationKind.ERROR),
        ({"outcome": Outcome.STOPPED}, None),
    ],
)
def test_each_way_to_end_is_its_kind(life: Life, ending: dict[str, object], kind: NotificationKind | None) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    before = life.board()
    life.end(one, **ending)  # type: ignore[arg-type]
    assert told(before, life.board()) == ([kind] if kind else [])
    assert told(life.board(), life.board()) == []


def test_the_first_board_is_no_news(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    life.end(one)
    assert told(None, life.board()) == []


def test_a_session_that_goes_on_with_its_queue_has_not_finished(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.queue(one)
    life.start(one)
    before = life.board()
    life.end(one)
    between = life.board()
    assert told(before, between) == []
    life.start(one)
    life.end(one)
    assert told(between, life.board()) == [NotificationKind.FINISHED]
    assert told(before, life.board()) == [NotificationKind.FINISHED]


def test_an_error_is_told_though_the_queue_goes_on(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.queue(one)
    life.start(one)
    before = life.board()
    life.end(one, Outcome.FAILED, error="amp is out of credits")
    life.start(one)
    (item,) = notifications.news(before, life.board(), ALL)
    assert (item.kind, item.text) == (NotificationKind.ERROR, "amp is out of credits")


def test_an_error_is_told_though_the_follow_up_has_finished(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.queue(one)
    life.start(one)
    before = life.board()
    life.end(one, Outcome.FAILED, error="amp is out of credits")
    life.start(one)
    life.end(one)
    assert told(before, life.board()) == [NotificationKind.ERROR]


def test_what_began_and_ended_between_two_looks_is_told(life: Life) -> None:
    before = life.board()
    one = life.begin()
    life.queue(one)
    life.start(one)
    life.end(one)
    assert told(before, life.board()) == [NotificationKind.FINISHED]


def test_what_comes_back_from_the_trash_has_not_just_ended(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    life.end(one)
    with_it = life.board()
    without = replace(with_it, rows=())
    life.fact("restored", one)
    assert told(without, life.board()) == []


def test_silence_asks_for_a_person(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    before = life.board()
    life.fact("silent", one, text="no word from amp for 600 s")
    (item,) = notifications.news(before, life.board(), ALL)
    assert (item.kind, item.text) == (NotificationKind.NEEDS_INPUT, "no word from amp for 600 s")


def test_a_script_run_by_hand_that_fails_is_told(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    life.end(one, script=ScriptResult.PASS)
    before = life.board()
    life.iterations[one][-1] = replace(life.iterations[one][-1], test_result=ScriptResult.FAIL)
    life.fact("tested", one, life.iterations[one][-1].id, "the script failed with exit code 2")
    (item,) = notifications.news(before, life.board(), ALL)
    assert (item.kind, item.text) == (NotificationKind.TESTS_FAILED, "the script failed with exit code 2")


def test_several_are_told_in_one_the_worst_first() -> None:
    items = [
        News(NotificationKind.FINISHED, "1", "docs", ""),
        News(NotificationKind.ERROR, "2", "login", "no credits"),
        News(NotificationKind.FINISHED, "3", "cart", ""),
    ]
    notice = notifications.combined(items)
    assert notice
    assert notice.kind is NotificationKind.ERROR
    assert notice.title == "3 sessions: 1 error, 2 finished"
    assert notice.body == "login (error), docs (finished), cart (finished)"


def test_one_reads_as_what_it_is() -> None:
    assert notifications.combined([]) is None
    notice = notifications.combined(
        [News(NotificationKind.TESTS_FAILED, "1", "fix login", "the script failed with exit code 1")]
    )
    assert notice == notifications.Notification(
        NotificationKind.TESTS_FAILED, "fix login: tests failed", "the script failed with exit code 1"
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["begin", "queue", "start", "done", "fail", "stop", "red", "look", "look"]),
    ),
    max_size=60,
)


def played(steps: list[tuple[str, str]]) -> tuple[list[Board], list[tuple[str, bool]]]:
    """The boards that were looked at, the first and the last among them, and every error that happened."""
    life = Life()
    boards = [life.board()]
    errors: list[tuple[str, bool]] = []
    for name, step in steps:
        one = f"s-{name}"
        if step == "look":
            boards.append(life.board())
        elif one not in life.sessions:
            life.begin(name)
        elif step in ("begin", "queue"):
            life.queue(one)
        elif step == "start":
            life.start(one)
        elif step == "fail" and life.end(one, Outcome.FAILED):
            errors.append((one, True))
        elif step == "red":
            life.end(one, script=ScriptResult.FAIL)
        elif step in ("done", "stop"):
            life.end(one, Outcome.DONE if step == "done" else Outcome.STOPPED)
    return [*boards, life.board()], errors


@given(STEPS)
def test_whoever_looks_misses_no_error_and_hears_nothing_twice(steps: list[tuple[str, str]]) -> None:
    boards, errors = played(steps)
    heard = [item for old, new in itertools.pairwise(boards) for item in notifications.news(old, new, ALL)]
    failed = {one for one, _ in errors}
    assert {item.session_id for item in heard if item.kind is NotificationKind.ERROR} == failed
    ended = [fact for fact in boards[-1].facts if fact.kind in {"finished", "failed"}]
    if len(boards[-1].facts) < 50:
        assert len(heard) <= len(ended)
    for row in boards[-1].rows:
        if row.current and row.current.outcome is Outcome.DONE and not row.queued:
            last = [item.kind for item in heard if item.session_id == row.session.id][-1]
            red = row.current.test_result is ScriptResult.FAIL
            assert last in (NotificationKind.TESTS_FAILED if red else NotificationKind.FINISHED, NotificationKind.ERROR)


@given(STEPS, st.sets(st.sampled_from(list(NotificationKind))), st.sampled_from(["s-a", "s-b", None]))
def test_what_nobody_wants_or_looks_at_is_not_told(
    steps: list[tuple[str, str]], off: set[NotificationKind], looked_at: str | None
) -> None:
    boards, _ = played(steps)
    settings = Settings({f"notify.{kind}": False for kind in off})
    for old, new in itertools.pairwise(boards):
        everything = notifications.news(old, new, ALL)
        kept = notifications.news(old, new, settings, looked_at=looked_at)
        assert kept == tuple(i for i in everything if i.kind not in off and i.session_id != looked_at)
        assert notifications.news(old, new, NONE) == ()


@given(
    st.lists(
        st.builds(News, st.sampled_from(list(NotificationKind)), st.text(max_size=2), st.text(), st.text()), max_size=9
    )
)
def test_a_notice_is_always_one_short_line_each(items: list[News]) -> None:
    notice = notifications.combined(items)
    assert (notice is None) is (not items)
    if notice:
        assert len(notice.title) <= notifications.TITLE_LENGTH
        assert len(notice.body) <= notifications.BODY_LENGTH
        assert "\n" not in notice.title + notice.body
        assert notice.kind in {item.kind for item in items}


def test_a_merge_that_stops_at_conflicts_is_told_and_one_that_is_looked_at_is_not(life: Life) -> None:
    one = life.begin()
    before = life.board()
    life.fact("conflicted", one, text="a and main conflict in 1 file: app.py")
    found = notifications.news(before, life.board(), ALL)
    assert [(news.kind, news.text) for news in found] == [
        (NotificationKind.CONFLICT, "a and main conflict in 1 file: app.py")
    ]
    assert told(before, life.board(), looked_at=one) == []
    assert notifications.news(before, life.board(), NONE) == ()


def test_trying_a_kind_out_shows_a_notice_as_it_would_be_told(life: Life) -> None:
    for kind in NotificationKind:
        shown = notifications.example(kind)
        assert shown.kind is kind
        assert shown.title == f"Try it out: {notifications.WORDS[kind]}"
        assert shown.body
    one = life.begin("Try it out")
    life.queue(one)
    life.start(one)
    before = life.board()
    life.fact("silent", one, text=notifications.silence(600, "Try it out"))
    (item,) = notifications.news(before, life.board(), ALL)
    assert notifications.combined([item]) == notifications.example(NotificationKind.NEEDS_INPUT)


def test_what_needs_a_person_says_why(life: Life) -> None:
    for reason in ("not-committed", "lost-worktree", "resolution", "branch"):
        one = life.begin(reason)
        life.queue(one)
        life.start(one)
        before = life.board()
        life.fact(reason, one, f"{one}-1", f"the reason is {reason}")
        life.end(one, status=Status.AWAITING_INPUT)
        texts = {news.session_id: news.text for news in notifications.news(before, life.board(), ALL)}
        assert texts[one] == f"the reason is {reason}"


def test_what_came_after_a_board_without_history_is_news(life: Life) -> None:
    one = life.begin()
    life.queue(one)
    life.start(one)
    before = replace(life.board(), facts=())
    life.facts.clear()
    life.end(one, Outcome.FAILED, error="amp is out of credits")
    (item,) = notifications.news(before, life.board(), ALL)
    assert (item.kind, item.text) == (NotificationKind.ERROR, "amp is out of credits")


@pytest.mark.parametrize(("length", "shown"), [(240, "x" * 240), (241, "x" * 239 + "…"), (5000, "x" * 239 + "…")])
def test_a_body_has_all_the_room_that_there_is(length: int, shown: str) -> None:
    told = notifications.combined([News(NotificationKind.ERROR, "1", "login", "x" * length)])
    assert told is not None
    assert told.body == shown


def test_an_example_of_a_conflict_reads_as_one() -> None:
    told = notifications.example(NotificationKind.CONFLICT)
    assert (told.title, told.body) == (
        "Try it out: conflict",
        "Try it out and main conflict in 2 files: app.py and cart.py",
    )
