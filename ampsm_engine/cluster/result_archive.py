"""What came of an item, as one file that travels from its host: a zip of its rows, transcripts and commits.

    item.json             its state, step, reason, tries, tool calls, the tip of its branch
    commits.bundle        the commits from where its branch began to its tip; not there when there are none
    runs/ITERATION/NAME   the files of each run that stay

An archive is made on the host and read where the item was asked for, which trusts nothing in it.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ampsm_engine.errors import Refused
from ampsm_engine.git import repository
from ampsm_engine.home import PRIVATE_FOLDER, IterationDirectory, open_private
from ampsm_engine.lean_dataclass import dataclass

ITEM = "item.json"
BUNDLE = "commits.bundle"

MOST_FILES = 10_000
MOST_BYTES = 2 << 30
"""Bytes that the files of an archive may come to when they are unpacked."""

MOST_JSON = 64 << 20

_KEPT = re.compile(r"amp\.ndjson|amp\.stderr|prompt\.txt|record\.json|script\.log|script-\d+\.log|outside\.json")
_RUN_FILE = re.compile(r"runs/([^/]+)/([^/]+)")
_PIECE = 1 << 20


def write(path: Path, item: Mapping[str, object], bundle: Path | None, runs: Mapping[str, IterationDirectory]) -> None:
    """Make an archive, private to its owner; `runs`: the directories of its iterations, by their ids."""
    with (
        os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as made,
    ):
        made.writestr(ITEM, json.dumps(item))
        if bundle is not None:
            made.write(bundle, BUNDLE, zipfile.ZIP_STORED)
        for iteration_id, run in runs.items():
            for found in sorted(run.path.iterdir()) if run.path.is_dir() else ():
                if _KEPT.fullmatch(found.name) and found.is_file() and not found.is_symlink():
                    made.write(found, f"runs/{iteration_id}/{found.name}")


@dataclass(frozen=True, slots=True)
class ResultArchive:
    """An archive that was received; Refused where it is no result archive of ampsm."""

    path: Path

    def item(self) -> dict[str, Any]:
        """The content of the archive's `item.json`; Refused when it is no result archive."""
        with self._opened() as opened:
            found = json.loads(self._read(opened, ITEM, MOST_JSON))
        if not isinstance(found, dict):
            raise Refused(f"{self.path.name} is no result archive of ampsm.")
        return found

    def unpack_bundle(self, to: Path) -> bool:
        """Write the commits of the archive into a file; whether it has any."""
        with self._opened() as opened:
            if BUNDLE not in opened.namelist():
                return False
            self._copy(opened, BUNDLE, to)
            return True

    def unpack_runs(self, place: Mapping[str, IterationDirectory]) -> None:
        """Write the files of runs into the directories of those iterations; others are left out."""
        with self._opened() as opened:
            for name, iteration_id, file in self._run_files(opened):
                run = place.get(iteration_id)
                if run is not None:
                    run.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                    self._copy(opened, name, run.path / file)

    def _run_files(self, opened: zipfile.ZipFile) -> Iterator[tuple[str, str, str]]:
        for name in opened.namelist():
            found = _RUN_FILE.fullmatch(name)
            if found and repository.is_session_id(found[1]) and _KEPT.fullmatch(found[2]):
                yield name, found[1], found[2]

    def _opened(self) -> zipfile.ZipFile:
        try:
            opened = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError) as reason:
            raise Refused(f"{self.path.name} is no result archive of ampsm: {reason}.") from reason
        files = opened.infolist()
        if len(files) > MOST_FILES or sum(file.file_size for file in files) > MOST_BYTES:
            opened.close()
            raise Refused(f"{self.path.name} holds more than {MOST_BYTES >> 30} GB or {MOST_FILES} files.")
        return opened

    def _read(self, opened: zipfile.ZipFile, name: str, most: int) -> bytes:
        try:
            with opened.open(name) as file:
                content = file.read(most + 1)
        except (KeyError, zipfile.BadZipFile, OSError) as reason:
            raise Refused(f"{self.path.name} is no result archive of ampsm: {reason}.") from reason
        if len(content) > most:
            raise Refused(f"{name} in {self.path.name} is larger than {most >> 20} MB.")
        return content

    def _copy(self, opened: zipfile.ZipFile, name: str, to: Path) -> None:
        """Write a file of it, as long as its own head says at most: that is what was counted."""
        left = opened.getinfo(name).file_size
        descriptor = open_private(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)
        try:
            with os.fdopen(descriptor, "wb") as file, opened.open(name) as source:
                while piece := source.read(min(_PIECE, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise Refused(f"{name} in {self.path.name} is longer than it says.")
                    file.write(piece)
        except (zipfile.BadZipFile, OSError) as reason:
            raise Refused(f"{name} in {self.path.name} cannot be read: {reason}.") from reason
