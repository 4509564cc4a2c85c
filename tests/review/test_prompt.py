"""The prompt of a review: it says where and what, and nothing that is quoted can leave its quotation."""

import re

import hypothesis.strategies as st
from hypothesis import given, settings

from ampsm_engine.diff.hunks import Side
from ampsm_engine.review import prompt
from ampsm_engine.review.annotations import Comment, CommentState, Rejection
from tests.conftest import examples


def a_comment(key: str = "c1", **columns: object) -> Comment:
    values: dict[str, object] = {
        "id": key, "session_id": "s", "path": "src/app.py", "old_path": None, "side": Side.NEW, "line": 12,
        "line_end": 12, "quote": "return 41", "context": "", "blob": "", "other_blob": "", "text": "Why?",
        "state": CommentState.OPEN, "created_at": key, "updated_at": "",
    }  # fmt: skip
    return Comment(**(values | columns))


def a_rejection(key: str = "r1", **columns: object) -> Rejection:
    values: dict[str, object] = {
        "id": key, "session_id": "s", "path": "src/app.py", "old_path": None, "reason": "Not this way",
        "quote": "-old\n+new", "tree": "", "created_at": key,
    }  # fmt: skip
    return Rejection(**(values | columns))


def test_it_groups_by_file_and_goes_by_line() -> None:
    made = prompt.draft(
        [
            a_comment("c1", path="z.py", line=3, line_end=5, text="Later file"),
            a_comment("c2", line=20, line_end=20, text="Second"),
            a_comment("c3", line=2, line_end=2, text="First\n\nof two"),
            a_comment("c4", side=Side.OLD, old_path="src/before.py", line=30, line_end=30, text="Needed"),
            a_comment("c6", side=Side.OLD, line=40, line_end=40, text="Also needed"),
            a_comment("c5", path="z.py", line=0, line_end=0, quote="", text="All of it"),
        ],
        [a_rejection()],
    )
    assert made.answers == ("c3", "c2", "c4", "c6", "r1", "c5", "c1")
    assert made.text.startswith("Address 6 review comments, and leave out 1 change that I took back.\n")
    before = "3. Line 30 before your change, in what was `src/before.py` [c4]:"
    order = [
        *(
            "## `src/app.py`",
            "1. Line 2 [c3]:",
            "First",
            "2. Line 20 [c2]:",
            before,
            "4. Line 40 before your change [c6]:",
            "5. I took this change back:",
            "+new",
        ),
        *("Not this way", "## `z.py`", "6. The whole file [c5]:", "7. Lines 3-5 [c1]:"),
    ]
    places = [made.text.index(piece) for piece in order]
    assert places == sorted(places)


def test_amp_is_told_how_to_answer_each_comment_and_nothing_else() -> None:
    text = prompt.draft([a_comment()], [a_rejection()], program="/opt/a b/ampsm").text
    assert "\nAt the end say of the comment, by its id in brackets" in text
    assert "\n    /opt/a b/ampsm comment --answer ID done\n" in text
    assert "--answer" not in prompt.draft([], [a_rejection()]).text


def test_what_has_moved_is_told_where_it_is_now() -> None:
    moved = a_comment("c1", now_path="src/new.py", now_line=30, now_line_end=32)
    stays = a_comment("c2", path="src/new.py", line=20, line_end=20)
    text = prompt.draft([moved, stays]).text
    assert [line for line in text.split("\n") if line.startswith(("##", "1", "2"))] == [
        *("## `src/new.py`", "1. Line 20 [c2]:", "2. Lines 30-32 [c1]:"),
    ]
    assert (moved.place, stays.place) == ("src/new.py:30-32", "src/new.py:20")
    assert a_comment(line=0, line_end=0).place == "src/app.py"


def test_a_first_line_says_all_that_is_asked() -> None:
    def first(comments: int, rejections: int) -> str:
        every = [a_comment(f"c{at}") for at in range(comments)], [a_rejection(f"r{at}") for at in range(rejections)]
        return prompt.draft(*every).text.split("\n")[0]

    assert first(1, 0) == "Address 1 review comment."
    assert first(2, 0) == "Address 2 review comments."
    assert first(0, 2) == "Leave out 2 changes that I took back."
    assert first(1, 1) == "Address 1 review comment, and leave out 1 change that I took back."


def test_a_rejection_without_a_reason_is_its_change_alone() -> None:
    text = prompt.draft([], [a_rejection(reason=None)]).text
    assert text.endswith("   ```diff\n   -old\n   +new\n   ```\n")


def test_a_path_is_code_whatever_is_in_it() -> None:
    paths = ["src/a b.py", "a`b.py", "a\nb.py"]
    text = prompt.draft([a_comment(path=path) for path in paths]).text
    assert sorted(line for line in text.split("\n") if line.startswith("##")) == [
        *('## `"a\\nb.py"`', '## `"a\\u0060b.py"`', "## `src/a b.py`"),
    ]


def test_nothing_makes_no_prompt() -> None:
    assert prompt.draft([]) == prompt.ReviewDraft("", ())
    assert prompt.draft([], [a_rejection()]).text.startswith("Leave out 1 change that I took back.")


HOSTILE = st.lists(
    st.sampled_from(["`", "```", "\n", "~~~", "x", " ", "\x1b[2J", "\u202e", "\r\n", "\0", "# ", "é"]), max_size=40
).map("".join)


@settings(max_examples=examples(80))
@given(quote=HOSTILE, path=HOSTILE)
def test_no_quotation_ends_before_its_fence(quote: str, path: str) -> None:
    text = prompt.draft([a_comment(quote=quote, path=path or "x", text="THE END")]).text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    lines = text.split("\n")
    opened = next(index for index, line in enumerate(lines) if line.startswith("   ```"))
    fence = lines[opened].strip()
    closed = next(index for index in range(opened + 1, len(lines)) if lines[index].strip().startswith(fence))
    assert lines[closed].strip() == fence
    assert lines[closed + 1 :] == ["", "   THE END", ""], "what follows the quotation is the comment, and all of it"
    inside = lines[opened + 1 : closed]
    assert all(line.startswith("   ") or not line for line in inside)


def test_a_quotation_is_cut_to_what_a_prompt_can_bear() -> None:
    made = prompt.fenced("\n".join(["y" * 5000] * 500))
    assert len(made) < 25_000
    assert "… (460 lines)" in made
    assert "(5000 characters)" in made
    whole = "\n".join(["z" * prompt.WIDEST] * prompt.MOST_LINES)
    assert prompt.fenced(whole) == f"```\n{whole}\n```", "what it can bear is not cut"
