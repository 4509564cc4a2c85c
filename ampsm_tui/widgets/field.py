"""One line of a form: what it is called, the control, and below it what is wrong with what was typed."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Label, Static

from ampsm_tui.clean import many_lines


class Field(Horizontal):
    """Holds one control; `touched` once a person was in it."""

    DEFAULT_CSS = """
    Field {
        height: auto;
        margin-bottom: 1;
        Label { dock: left; width: 12; color: $foreground-muted; }
        Label.-here { color: $foreground; text-style: bold; }
        Vertical { height: auto; width: 100%; }
        Input { height: 1; width: 100%; border: none; background: $panel; }
        TextArea { width: 100%; border: none; padding: 0; background: $panel; }
        .trouble { display: none; color: $error; }
    }
    """

    def __init__(self, name: str, label: str, control: Widget) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self.touched = False
        self._label = label
        self.control = control

    def compose(self) -> ComposeResult:
        """Name, control, trouble."""
        yield Label(self._label)
        with Vertical():
            yield self.control
            yield Static("", classes="trouble")

    def show_trouble(self, message: str = "", hint: str = "") -> None:
        """Say what is wrong; nothing takes it away."""
        text = "\n".join(part for part in (message and f"✗ {message}", hint) if part)
        trouble = self.query_one(".trouble", Static)
        if trouble.display != bool(text) or text != getattr(self, "_shown", ""):
            self._shown = text
            trouble.update(Content(many_lines(text, 1000)))
            trouble.display = bool(text)

    def on_descendant_focus(self) -> None:
        """Its name stands out while a person is in it."""
        self.query_one(Label).add_class("-here")

    def on_descendant_blur(self) -> None:
        """Left once: from now on it may be told what is wrong."""
        self.query_one(Label).remove_class("-here")
        self.touched = True
