"""A run's output is read from any offset and followed to its end, whatever happens to the file meanwhile."""

import stat

from ampsm_engine.amp import transcript
from ampsm_engine.amp.events import Attempt, Noise, TextBlock, Thread
from tests.amp.recorded import assistant, line, read, recorded, text


def test_reading_from_any_offset_that_was_given_goes_on_there(tmp_path):
    path = tmp_path / "amp.ndjson"
    path.write_bytes(recorded("09-tools"))
    found = list(transcript.read(path))
    assert [event for _, event in found] == read(recorded("09-tools"))
    offset = found[12][0]
    rest = [event for _, event in transcript.read(path, offset) if not isinstance(event, Thread)]
    assert rest == [event for at, event in found if at > offset]
    assert found[-1][0] == path.stat().st_size


def test_a_file_that_is_not_there_yet_is_empty(tmp_path):
    missing = tmp_path / "none"
    assert list(transcript.read(missing)) == []
    assert list(transcript.follow(missing, alive=lambda: False)) == []
    assert transcript.tail(missing) == ""


def test_following_sees_what_is_written_until_the_writer_is_gone(tmp_path):
    path = tmp_path / "amp.ndjson"
    steps = iter(
        [
            lambda: True,
            lambda: path.write_bytes(line(assistant(text("one")))) or True,
            lambda: True,
            lambda: append(path, line(assistant(text("two")))[:30]),
            lambda: append(path, line(assistant(text("two")))[30:]),
            lambda: append(path, b"cut") and False,
        ]
    )

    def alive():
        return next(steps)()

    seen = list(transcript.follow(path, alive=alive))
    assert seen[0] is None
    assert [event.text for event in seen if isinstance(event, TextBlock)] == ["one", "two"]
    assert seen[-1] == Noise("cut")


def append(path, data):
    with path.open("ab") as file:
        file.write(data)
    return True


def test_following_goes_on_in_the_old_file_when_it_is_replaced(tmp_path):
    path = tmp_path / "amp.ndjson"
    path.write_bytes(line(assistant(text("one"))) + line(assistant(text("two"))))
    followed = transcript.follow(path, alive=lambda: False)
    first = next(followed)
    other = tmp_path / "other"
    other.write_bytes(b"redacted\n" * 100)
    other.replace(path)
    assert [event.text for event in [first, *followed] if isinstance(event, TextBlock)] == ["one", "two"]


def test_the_mark_of_an_attempt_stands_on_a_line_of_its_own_in_a_private_file(tmp_path):
    path = tmp_path / "amp.ndjson"
    transcript.mark_attempt(path, 2)
    append(path, b'{"type":"cut')
    transcript.mark_attempt(path, 3)
    assert [event for _, event in transcript.read(path)] == [Attempt(2), Noise('{"type":"cut'), Attempt(3)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_27_of_10_megabytes_of_standard_error_the_end_is_kept(tmp_path):
    path = tmp_path / "amp.stderr"
    path.write_bytes(b"\xff" * 10_000_000 + b"\nError: the reason\n")
    kept = transcript.tail(path)
    assert kept.endswith("\nError: the reason")
    assert len(kept) <= transcript.TAIL


def test_terminal_control_is_taken_out_and_lines_stay(tmp_path):
    raw = "\x1b[=0u\x1b[<u\x1b[?25h\x1b[31mError:\x1b[0m a\x07\r\nb\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x9bx\x00c\td\x1b"
    assert transcript.without_escapes(raw) == "Error: a\nblink xc\td"
    assert transcript.without_escapes("\x1b]0;" + "y" * 100_000) == ""
