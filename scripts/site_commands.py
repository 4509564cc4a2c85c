"""Adds the commands to the site, made of their help: a hook of mkdocs."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ampsm_engine.cli import manual


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages of docs/, and one that no file has."""
    files.append(File.generated(config, "commands.md", content=manual.markdown()))
    return files
