"""Builds what a wheel has besides the code: the manual page, made of the help of the commands."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPageHook(BuildHookInterface[Any]):
    """Puts the manual page where `man` looks for it beside the programs of an environment."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the page into a folder of its own; an editable install has none."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from ampsm_engine.cli import manual

        self._folder = tempfile.TemporaryDirectory(prefix="ampsm-manual-")
        page = Path(self._folder.name) / "ampsm.1"
        page.write_text(manual.man_page(self.metadata.version), encoding="ascii")
        build_data["shared_data"][str(page)] = "share/man/man1/ampsm.1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the folder that the page was written to."""
        if version != "editable":
            self._folder.cleanup()
