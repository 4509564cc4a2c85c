"""A terminal that another program wrote on is mended by one key, on screens that leave out what stands there, too."""

from pathlib import Path

from tests.conftest import git
from tests.journeys.conftest import Open
from tests.worker.bench import Bench


def test_what_another_program_wrote_over_is_painted_anew(bench: Bench, terminal: Open) -> None:
    session = bench.new(None, name="fix login")
    root = Path(session.worktree_path)
    (root / "new.py").write_text("def answer():\n    return 42\n")
    git(root, "add", "new.py")
    git(root, "commit", "-qm", "Answer")
    for arguments, words in (
        ((), ("fix login", "idle")),
        (("review", session.id), ("fix login", "return 42", "new.py")),
    ):
        screen = terminal(*arguments, size=(80, 24)).sees(*words)
        for _ in range(4):  # a late frame of the start may mend it once or twice
            screen.screen.erase_in_display(2)
            assert not any(word in screen.text for word in words)
            screen.press("\x0c").sees(*words)
        screen.close()
