"""The yardstick: a Textual app of header, footer and a table of 300 rows, and nothing else. Not a benchmark itself."""

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Footer, Header


class Bare(App[None]):
    """A Textual app with a header, a table of 300 rows and a footer."""

    def compose(self) -> ComposeResult:
        yield Header()
        yield DataTable()
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("Status", "Name", "Doing", "Age")
        for number in range(300):
            table.add_row("idle", f"Fix the login redirect, part {number}", "3 files changed", "2h")


if __name__ == "__main__":
    Bare().run()
