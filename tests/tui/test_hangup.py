"""A terminal that goes away takes nobody along and stops nobody."""

import io

from ampsm_tui.hangup import Lasting


class Gone(io.StringIO):
    """A terminal whose other side is closed, from a moment on."""

    is_closed = False

    def write(self, text: str) -> int:
        if self.is_closed:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_what_nobody_takes_is_dropped_and_told_once() -> None:
    told: list[bool] = []
    terminal = Gone()
    file = Lasting(terminal, lambda: told.append(True))
    assert file.write("one") == 3
    terminal.is_closed = True
    for _ in range(100):
        assert file.write("two") == 3
        file.flush()
    assert told == [True]
    assert terminal.getvalue() == "one"
    assert file.isatty() is False
