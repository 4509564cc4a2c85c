"""What the engine advises as a command, a screen advises as the key that does it there."""

import ast
import re
from pathlib import Path

import ampsm_tui
from ampsm_engine.cli.root import MODULES
from ampsm_engine.config import Settings
from ampsm_engine.errors import Refused
from ampsm_engine.keymap import KEYS
from ampsm_tui.hints import KEY_OF, in_app, with_keys
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk


def test_the_keys_are_keys() -> None:
    assert set(KEY_OF.values()) <= KEYS.keys()


def test_every_sentence_of_ours_names_keys_that_there_are() -> None:
    named = set()
    for path in Path(ampsm_tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"\{([a-z-]+\.[a-z-]+)\}", node.value))
    assert len(named) > 20
    assert named <= KEYS.keys()


_NAME_OF_A_KEY = re.compile(
    r"\b(?:[Ee]nter|Return|[Ee]sc|[Ee]scape|[Tt]ab|Space|(?<!hite )space|[Bb]ackspace|PgUp|PgDn)\b"
    r"|\b(?:ctrl|shift|alt)\+\w|\^[a-z]\b|[Pp]ress(?:es)? "
    r"|(?<![\w{'.,-])(?:[b-zA-HJ-Z?/:@]|\]|\}) (?:shows|goes|opens|sends|brings|lists|takes|starts|leaves|reads|commits)\b"
)
_WRITTEN_OUT = {
    "A dot marks what is not as ampsm comes. No key may be ctrl+c, ctrl+q or ctrl+z.",
    ". Several are joined by commas, such as n, N, ctrl+n.",
}
"""Sentences about keys that cannot be changed, or that show how keys are written."""


def test_no_sentence_names_a_key_that_may_be_another_one() -> None:
    """A key in a sentence stands as its id in braces: `with_keys` names the one that the settings give."""
    sentences = {key.meaning for key in KEYS.values()}
    for path in Path(ampsm_tui.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        sentences |= {
            str(text.value) for text in texts if id(text) not in docstrings and " " in str(text.value).strip()
        }
    assert len(sentences) > 500
    assert {sentence for sentence in sentences if _NAME_OF_A_KEY.search(sentence)} == _WRITTEN_OUT


async def test_a_sentence_names_a_key_as_it_is_bound(desk: Desk) -> None:
    settings = Settings({"keys.list.next": "Q", "keys.review.reject": "ctrl+y"})
    async with desk.open(a_board(a_session("fix login")), settings=settings):
        await desk.press("question_mark")
        desk.sees("Q goes from one to the next")
        assert with_keys(desk.app.screen, "{review.reject}, {compare.diff}, {}") == "^y, |, {}"


async def test_a_command_becomes_its_key(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        onto, abort = KEYS["merge.onto"].keys, KEYS["conflict.abort"].keys
        for hint, here in (
            ("ampsm wait s000000001, or: ampsm stop s000000001", "wait until it has ended, or: x (stop)"),
            ("ampsm diff s000000001 shows where; take it out", "v (review) shows where; take it out"),
            ("ampsm iterate s000000001 'Make it pass'", "m (message)"),
            ('ampsm iterate s000000001 "continue"   (or: ampsm doctor)', "m (message)   (or: ampsm doctor)"),
            ("it goes; ampsm trash restore brings it back.", "it goes; u (undo) brings it back."),
            ("ampsm merge s000000001 --onto BRANCH -m MESSAGE", f"in the list M, then {onto} (onto)"),
            ("ampsm merge s000000001 --abort", f"in the list M, then {abort} (abort)"),
            ("ampsm repair --apply takes it back", "in the list H, then ^g (repair) takes it back"),
            ("ampsm config set slots 4", ", (settings): slots 4"),
            ("git -C /x add, or: ampsm new 'what amp is to do' begins one", "git -C /x add, or: a (new) begins one"),
            ("take it out and commit. A merge asks, or takes --yes", "take it out and commit. A merge asks"),
            ("--manual keep leaves commits by hand alone", "4 (manual) leaves commits by hand alone"),
            ("--no-squash or --manual keep may not", "3 (squash) or 4 (manual) may not"),
            ("git rm --cached PATH", "git rm --cached PATH"),
            ("A rebase is in progress; ampsm did not begin it.", "A rebase is in progress; ampsm did not begin it."),
        ):
            assert in_app(desk.app.screen, hint) == here


async def test_a_toast_names_the_keys_as_they_are_bound(desk: Desk) -> None:
    desk.answers["last_prompt"] = Refused("amp is at work.", "ampsm wait s000000001, or: ampsm stop s000000001")
    settings = Settings({"keys.session.stop": "ctrl+x"})
    async with desk.open(a_board(a_session("fix login", id="s000000001")), settings=settings):
        await desk.press("r")
        desk.sees("wait until it has ended, or: ^x (stop)")
        desk.sees_not("ampsm stop")


WITHOUT_A_KEY = {
    *("cluster", "comment", "completion", "demo", "doctor", "events", "export", "import", "ls", "note", "queue"),
    *("reject", "report", "schema", "stage", "status", "trust", "viewed", "wait", "watch"),
}
"""Commands that hints leave as they are: for scripts and shells, or of things that the screens show by themselves."""


def test_of_each_command_it_is_said_which_key_does_it() -> None:
    """Who adds one either names its key in KEY_OF, or says here that hints leave it as it is."""
    with_a_key = {command.partition(" ")[0] for command in KEY_OF}
    assert set(MODULES) - with_a_key == WITHOUT_A_KEY
    assert with_a_key <= set(MODULES)
