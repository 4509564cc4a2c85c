"""The secrets of files that were copied into worktrees are hidden like those of the environment."""

import os
from pathlib import Path

import pytest

from ampsm_engine import redact
from ampsm_engine.home import home
from ampsm_engine.redact.environment import secrets_of_lines
from ampsm_engine.redact.secret_files import CurrentRedactor


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("SHOP=velvet9quartz", {"velvet9quartz"}),
        ("export SHOP = velvet9quartz  # of the till", {"velvet9quartz"}),
        ("SHOP='velvet # 9quartz'", {"velvet # 9quartz"}),
        ('SHOP="velvet\\n9quartz"', {"velvet\\n9quartz", "velvet\n9quartz"}),
        ("DB_PASSWORD=all lower words", {"all lower words"}),
        ("DATABASE_URL=postgres://shop:velvet9quartz@db.example.org:5432/shop", {"velvet9quartz"}),
        (
            "HOOK=https://example.org/in/0123456789abcdefghij012345",
            {"https://example.org/in/0123456789abcdefghij012345"},
        ),
        ("SHOP=a1b2c3d", set()),
        ("NODE_ENV=production-like", set()),
        ("API=http://localhost:8080/api/v1", set()),
        ("SHOP_HOST=db-7.example.org", set()),
        ("SHOP=db-7.example.org:5432", set()),
        ("WHEN=2026-11-01 10:30:00", set()),
        ("LIMIT=3600000 ", set()),
        ("KEPT=/srv/shop/velvet9quartz", set()),
        ("MAIL=shop9@example.org", set()),
        ("# SHOP=velvet9quartz", set()),
        ("SHOP=", set()),
    ],
)
def test_which_values_are_secrets(line: str, values: set[str]) -> None:
    assert secrets_of_lines(f"A=1\n{line}\nB=2\n") == values


def test_the_values_of_noted_files_are_hidden_as_they_are_now(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SHOP=velvet9quartz\n")
    assert redact.text("say velvet9quartz") == "say velvet9quartz"
    redact.note_files("one", [file, tmp_path / "gone"])
    assert redact.text("say velvet9quartz") == "say [redacted:environment]"
    file.write_text("SHOP=amber77cobalt\n")
    redact.refresh()
    assert redact.text("say velvet9quartz, amber77cobalt") == "say velvet9quartz, [redacted:environment]"
    # Another process knows them, too; no value is kept, and a link is not followed.
    assert CurrentRedactor(os.environ).redactor().text("amber77cobalt") == "[redacted:environment]"
    kept = home().secret_files / "one"
    assert "cobalt" not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    redact.refresh()
    assert redact.text("say amber77cobalt") == "say amber77cobalt"
