"""Whatever README and docs say to type is understood: each `ampsm` in them is a command with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ampsm_engine.cli.root import MODULES, root

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```(?:console|sh|tmux|toml|text)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]*(?:\n[^`\n]+)?)`")
ENDS = set("|;&<>()")


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each call of ampsm in a page: in its blocks of code, and in its words set as code."""
    blocks = BLOCK.findall(text)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = [span.replace("\n", " ") for span in SPAN.findall(BLOCK.sub("", text)) if "ampsm" in span]
    for line in [one for one in (*lines, *spans) if re.search(r"(?<![\w/.~-])ampsm(?![\w/.-])", one)]:
        yield from called(line)


def called(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="".join(ENDS))
    lexer.whitespace_split = True
    words = list(lexer)
    inner = [word for word in words if " " in word and re.search(r"(?:^|\()ampsm ", word)]
    for word in inner:
        yield from called(re.sub(r"^.*\(|\)$", "", word))
    while "ampsm" in words:
        words = words[words.index("ampsm") + 1 :]
        end = next((n for n, word in enumerate(words) if set(word) <= ENDS), len(words))
        yield words[:end]


def parse(arguments: list[str]) -> None:
    """Have click read the arguments, and run nothing."""
    command: click.Command = root
    ctx = click.Context(root, info_name="ampsm", **root.context_settings)
    rest = arguments
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(ctx, rest)
        assert found is not None
        command, name = found, arguments[len(arguments) - len(rest) - 1]
        if not isinstance(command, click.Group):
            command.make_context(name, list(rest), parent=ctx)
            return
        ctx = click.Context(command, info_name=name, parent=ctx)
    assert set(rest) <= {"--version", "--help"}, arguments


def is_named_alone(arguments: list[str]) -> bool:
    """Whether a command is only named: what it needs is not told there."""
    return all(not word.startswith("-") and word.islower() for word in arguments) and len(arguments) <= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_line_of_the_page_is_understood(page: Path) -> None:
    for arguments in commands(page.read_text()):
        if arguments[:1] == ["COMMAND"]:
            continue
        try:
            parse(arguments)
        except click.MissingParameter:
            assert is_named_alone(arguments), f"{page.name}: ampsm {shlex.join(arguments)} lacks something"
        except click.UsageError as wrong:
            pytest.fail(f"{page.name}: ampsm {shlex.join(arguments)}: {wrong.format_message()}")


def test_a_slip_in_a_page_is_seen() -> None:
    page = "Say `ampsm ls --jsn`.\n```console\n$ ampsm new 'x' | cat; ampsm shwo x\n```\n"
    found = list(commands(page))
    assert found == [["new", "x"], ["shwo", "x"], ["ls", "--jsn"]]
    for arguments in found[1:]:
        with pytest.raises(click.UsageError):
            parse(arguments)


def test_the_readme_names_every_command() -> None:
    named = {arguments[0] for arguments in commands((ROOT / "README.md").read_text()) if arguments}
    assert set(MODULES) - named == set()


def test_every_file_that_a_page_links_to_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / re.sub("%5B", "[", re.sub("%5D", "]", target))).exists(), f"{page.name}: {target}"


def test_every_page_of_the_docs_is_named_by_the_first_one_and_by_the_site() -> None:
    names = {page.name for page in (ROOT / "docs").glob("*.md")}
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    listed = set(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert linked == names - {"index.md"}
    assert listed == names | {"commands.md"}
