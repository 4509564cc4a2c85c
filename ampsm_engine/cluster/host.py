"""The service of a host: it takes a request in bytes and answers in bytes, over any transport.

A request is a line of JSON with a `verb`, and after it bytes where the verb takes some; an answer likewise, `{"error":
...}` where it was refused. The verbs:

    hello      who this is: name, boot, versions, slots
    run        have an item carried out; one that is here already is found by its id and goes on
    watch      how the items of a run stand, once that differs from what the asker knows, or after some seconds
    put        take a piece of a repository that was not here
    collect    hand out a piece of what came of an item
    stop       end a run, or one of its items, here
    forget     delete an item that was taken over

An item is carried out by the ordinary engine of this host, in this host's home, by a coordinator of its own that
outlives its callers: nothing here waits for amp. Merging is never done here.
"""

import hashlib
import json
import os
import platform
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ampsm_engine import __version__, file_lock, folders, process_identity, redact, timestamps, trusted_commands
from ampsm_engine.batch import item_run, runs
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cluster import result_archive
from ampsm_engine.cluster.clones import PIECE, Busy, HostClones, MissingBase, WantedRepository
from ampsm_engine.context import Engine, engine_at
from ampsm_engine.engine import session_trash, startup
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import libgit2, program, repository
from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private
from ampsm_engine.lean_dataclass import asdict, replace
from ampsm_engine.model import OPEN_ITEMS, Batch, BatchItem, BatchState, ItemState
from ampsm_engine.naming import new_id
from ampsm_engine.plain_text import printable
from ampsm_engine.store import is_passing
from ampsm_engine.worker import launch, locks

WIRE = 1
"""The version of requests and answers; hosts of another one are refused."""

TICK = 0.1
"""Seconds between two looks of `watch` at whether something has changed."""

LONGEST_WATCH = 20.0
"""Seconds that `watch` stays at most: the asker's patience with a host that is gone is counted in those."""

SWEEP_EVERY = 2.0

PATIENCE = 60.0
"""Seconds that a request waits for another one about the same item; its sender may have stopped waiting."""

NAME = "AMPSM_HOST_NAME"
"""The variable that names a host; without it, what the machine is called."""

Request = Mapping[str, Any]
Answer = tuple[dict[str, Any], bytes]


def message(head: Mapping[str, object], content: bytes = b"") -> bytes:
    """A request or an answer as bytes."""
    return json.dumps(head).encode() + b"\n" + content


def parts_of(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """The line of JSON of a message, and the bytes after it; Refused when there is none."""
    head, _, content = raw.partition(b"\n")
    try:
        found = json.loads(head)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(f"This is no message of ampsm's: {printable(head[:80].decode('utf-8', 'replace'))!r}.")
    return found, content


def serve(raw: bytes, host: "HostService | None" = None) -> bytes:
    """Answer a request, for the host that this process is. Whatever is wrong is an answer, too: nothing is raised."""
    try:
        request, content = parts_of(raw)
        head, attached = _verb(request)(host or _host(), request, content)
        return message({"wire": WIRE, **head}, attached)
    except AmpsmError as reason:
        kind = type(reason).__name__
        passes = is_passing(reason) or isinstance(reason, Busy)
        error = {"kind": kind, "message": reason.message, "hint": reason.hint, "passes": passes}
        return message({"wire": WIRE, "error": error})
    except Exception as reason:  # noqa: BLE001 - any other would end in a traceback on a machine without a user
        text = redact.text(f"{type(reason).__name__}: {reason}")[:500]
        return message({"wire": WIRE, "error": {"kind": "Failed", "message": text, "hint": None}})


def _verb(request: Request) -> "Callable[[HostService, Request, bytes], Answer]":
    if request.get("wire") != WIRE:
        spoken = printable(str(request.get("wire")))[:20]
        text = f"This host has ampsm {__version__}, which speaks version {WIRE} of the protocol, not {spoken}."
        raise Refused(text, "Install the same ampsm on both.")
    found = _VERBS.get(str(request.get("verb")))
    if found is None:
        raise Refused(f"There is no verb {printable(str(request.get('verb')))[:40]!r}.")
    return found


def home_of_host(environ: Mapping[str, str]) -> Path:
    """The home of a host where no AMPSM_HOME says another: one for each machine, for homes may lie on a network."""
    return Path(folders.platform_folder("data", environ)) / "cluster" / (socket.gethostname() or "host")


def home_id(home: Home) -> str:
    """What tells a home from all others: of hosts of one name, and of people whose runs have one name."""
    folder = home.root / "cluster"
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    path = folder / "id"
    with file_lock.locked(folder / "id.lock", 10.0):
        with suppress(OSError):
            if text := path.read_text(encoding="ascii").strip():
                return text
        made = new_id()
        write_private(path, made.encode())
        return made


class HostService:
    """Answers the coordinator's requests on a host, with the engine and the clones of that host."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        env = dict(environ)
        if not env.get("AMPSM_HOME"):
            env["AMPSM_HOME"] = str(home_of_host(env))
            env.pop("AMPSM_DB_PATH", None)
        self.name = env.get(NAME) or socket.gethostname() or "host"
        self.engine: Engine = startup.make_ready(engine_at(env))
        libgit2.load()  # it stays, and asks a git program less
        self.clones = HostClones(self.engine.home)
        self._folder = self.engine.home.root / "cluster"
        self._id = home_id(self.engine.home)
        self._swept = 0.0

    # The verbs. Each takes the request and its bytes, and gives the answer and bytes.

    def _unreachable(self, sources: "list[str]") -> dict[str, str]:
        """Which addresses of repositories git cannot reach from here, and what it says."""
        found = {}
        for source in map(str, sources[:20]):
            answer = program.write(self._folder, "ls-remote", "--quiet", "--end-of-options", source, "HEAD", limit=15.0)
            if not answer.ok:
                found[source] = redact.text(answer.reason)[:200]
        return found

    def hello(self, request: Request, _content: bytes) -> Answer:
        """Which ampsm this host has, its amp, slots and room on the disk, and what it lacks."""
        count = int(self.engine.settings.number("slots"))
        from ampsm_engine.amp import program as amp_program

        problems = []
        try:
            amp = str(amp_program.find(self.engine.settings, os.environ))
        except AmpsmError as reason:
            amp = ""
            problems.append(reason.message)
        free = shutil.disk_usage(self.engine.home.root).free
        return {
            "name": self.name,
            "boot": f"{self._id}:{process_identity.boot()}",
            "home": str(self.engine.home.root),
            "homeId": self._id,
            "machine": socket.gethostname(),
            "ampsm": __version__,
            "python": platform.python_version(),
            "git": program.version(),
            "amp": amp,
            "slots": count,
            "free": locks.count_free(self.engine.home, count),
            "disk": free,
            "clock": timestamps.now(),
            "unreachable": self._unreachable(request.get("sources", ())),
            "problems": problems,
            "pid": os.getpid(),
            "executable": sys.executable,
        }, b""

    def run(self, request: Request, _content: bytes) -> Answer:
        """Have an item carried out, from the step that it stands at; or say what of its repository is missing."""
        given, asked = dict(request["item"]), dict(request["run"])
        item_id = str(given["id"])
        store = self.engine.store
        with self._locked(item_id):
            try:
                found: BatchItem | None = store.batches.item(item_id)
            except NotFound:
                found = None
            take_up = int(given.get("takeUp", 0))
            if found is None:
                clone = self.clones.provide(WantedRepository.read(dict(request["repository"])))
                if isinstance(clone, MissingBase):
                    return {"missing": {"has": list(clone.has)}}, b""
                self._accept_setup(clone, given.get("setup"))
                self._enter(asked, given, clone, take_up)
            elif found.state.is_final and take_up > int(json.loads(found.spec).get("takeUp", 0)):
                runs.take_up(self.engine, found, takeUp=take_up)
                runs.run_again(self.engine, store.batches.get(found.batch_id))
        launch.sweep_batches(self.engine.home, store, asked=str(asked["id"]))
        return {"entered": True}, b""

    def _accept_setup(self, clone: Path, setup: Mapping[str, Any] | None) -> None:
        """Trust the setup command that who asks has found in the repository, letter by letter, where that is trusted.

        Whatever else may stand there is not run: each session looks for itself, and asks for trust.
        """
        if setup is None:
            return
        if not setup["isTrusted"]:
            said = printable(str(setup["command"]))[:200]
            message = f"{self.name} runs no setup command that was not trusted for it: {said}"
            raise Refused(message, "ampsm trust --repo REPOSITORY, and setupOnHosts: true in the plan")
        trusted_commands.trust(self.engine.home, clone, str(setup["command"]))

    def _enter(self, asked: dict[str, Any], given: dict[str, Any], clone: Path, take_up: int) -> None:
        typed = ItemSpec.of(dict(given["spec"]))
        base = str(given["base"])
        typed = replace(typed, repo=str(clone), base_branch=f"ampsm-base/{base}", merge_on_pass=False, source=None)
        more = {item_run.SESSION_ID: _session_id(given["session"]), item_run.THREAD_ID: given.get("thread")}
        spec = json.loads(typed.text()) | more | {"takeUp": take_up}
        item = BatchItem(
            id=str(given["id"]),
            batch_id=str(asked["id"]),
            number=int(given["number"]),
            name=str(given["name"]),
            repo=str(clone),
            prompt=typed.prompt,
            spec=json.dumps(spec),
            mode=typed.model,
            step=str(given.get("step") or ""),
        )
        batch = Batch(
            id=item.batch_id,
            name=str(asked["name"]),
            state=BatchState.RUNNING,
            plan=json.dumps({"source": "", "concurrency": None, "limits": {}, runs.ASKED_BY: str(asked.get("by", ""))}),
            created_at=timestamps.now(),
            concurrency=int(self.engine.settings.number("slots")),
        )
        self.engine.store.batches.enter_item(batch, item, lambda: runs.keep_typed(self.engine, item, spec))

    def watch(self, request: Request, _content: bytes) -> Answer:
        """How the items of a run stand here, once that is another than the `seen` of the asker."""
        seen, until = request.get("seen"), time.monotonic() + min(float(request.get("seconds", 0)), LONGEST_WATCH)
        version = -1
        while True:
            now = self.engine.store.data_version()
            if now != version:
                version = now
                standing = self._standing(str(request["run"]))
                digest = hashlib.sha256(json.dumps(standing).encode()).hexdigest()[:16]
                if digest != seen:
                    break
            self._sweep()
            if time.monotonic() >= until:
                break
            time.sleep(TICK)
        count = int(self.engine.settings.number("slots"))
        return {**standing, "seen": digest, "slots": count, "free": locks.count_free(self.engine.home, count)}, b""

    def _sweep(self) -> None:
        """Start the coordinators and workers again that have died on this host."""
        if time.monotonic() - self._swept >= SWEEP_EVERY:
            self._swept = time.monotonic()
            with suppress(AmpsmError):
                launch.sweep(self.engine.home, self.engine.store, int(self.engine.settings.number("slots")))

    def _standing(self, batch_id: str) -> dict[str, Any]:
        """How the items of a run stand, and those of runs that have ended without a question about them since."""
        batches = self.engine.store.batches
        found: dict[str, Any] = {"items": [], "others": [], "wait": None, "halted": None}
        for batch in batches.all():
            told = [self._item_status(item) for item in batches.items(batch.id)]
            if batch.id != batch_id:
                found["others"] += told
                continue
            found["items"] = told
            if batch.wait_until:
                found["wait"] = {"until": batch.wait_until, "reason": batch.wait_reason}
            if batch.state is BatchState.STOPPED:
                found["halted"] = batch.wait_reason
        return found

    def _item_status(self, item: BatchItem) -> dict[str, Any]:
        activity = None
        if item.session_id and item.state is ItemState.RUNNING:
            last = self.engine.store.iterations.of(item.session_id)[-1:]
            activity = redact.text(last[0].activity or "") if last else None
        return {
            "id": item.id,
            "state": item.state.value,
            "step": item.step,
            "takeUp": json.loads(item.spec).get("takeUp", 0),
            "activity": activity,
            "ended": item.ended_at,
        }

    def put(self, request: Request, content: bytes) -> Answer:
        """Append a piece of a bundle to the file that is being received; answers its size in bytes."""
        return {"size": self.clones.put(str(request["name"]), int(request["offset"]), content)}, b""

    def collect(self, request: Request, _content: bytes) -> Answer:
        """A piece of the archive of an item that has come to its end."""
        item = self.engine.store.batches.item(str(request["item"]))
        if not item.state.is_final:
            raise Refused(f"The item {item.id} is {item.state}.", f"ampsm batch status {item.batch_id}")
        with self._locked(item.id):
            path = self._archive(item)
        offset = int(request["offset"])
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(offset)
            content = file.read(PIECE)
        head: dict[str, Any] = {"size": size, "offset": offset, "archive": path.stem}
        if offset == 0:
            with path.open("rb") as file:
                head["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        return head, content

    def _archive(self, item: BatchItem) -> Path:
        """The archive of an item as it ended; made where there is none yet."""
        folder = self._folder / "outgoing"
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        moment = "".join(letter for letter in item.ended_at or "" if letter.isalnum())
        name = _file_name(item.id)
        path = folder / f"{name}-{moment}.zip"
        if path.exists():
            return path
        store = self.engine.store
        session_id = store.batches.session_of(item.id)
        iterations = store.iterations.of(session_id) if session_id else ()
        described: dict[str, Any] = {
            "item": {"id": item.id, "state": item.state.value, "step": item.step, "reason": item.reason},
            "tries": [asdict(one) for one in store.batches.tries(item.id)],
            "calls": {one.id: [asdict(call) for call in store.iterations.tool_calls(one.id)] for one in iterations},
            "iterations": [asdict(one) for one in iterations],
            "tip": None,
        }
        bundle = folder / f".{path.stem}.bundle"
        made = folder / f".{path.name}"
        if session_id:
            session = store.sessions.get(session_id)
            described["session"] = {"status": session.status.value, "thread": session.thread_id}
            root = Path(session.repo_root)
            tip = repository.branch_tip(root, session.branch_name)
            if tip is not None and tip != session.base_commit:
                described["tip"] = tip
                ref = f"{repository.BRANCHES}{session.branch_name}"
                program.change(root, "bundle", "create", "--quiet", str(bundle), ref, f"^{session.base_commit}")
        there = bundle if bundle.exists() else None
        result_archive.write(made, described, there, {one.id: self.engine.home.iteration(one.id) for one in iterations})
        for old in folder.glob(f"{name}-*.zip"):
            old.unlink(missing_ok=True)
        made.replace(path)
        bundle.unlink(missing_ok=True)
        return path

    def stop(self, request: Request, _content: bytes) -> Answer:
        """End a run on this host, as `batch stop` does, or one item of the run."""
        batches = self.engine.store.batches
        if "run" in request:
            with suppress(NotFound, Refused):
                runs.stop(self.engine, str(request["run"]), force=bool(request.get("force")))
            return {}, b""
        with suppress(NotFound):
            item = batches.item(str(request["item"]))
            reason = "It was stopped: another host has it."
            batches.move_item(item.id, (ItemState.QUEUED,), ItemState.STOPPED, reason=reason, ended_at=timestamps.now())
            session_id = batches.session_of(item.id)
            if session_id is not None:
                self.engine.store.queue.ask_to_stop(session_id)
        return {}, b""

    def forget(self, request: Request, _content: bytes) -> Answer:
        """Delete an item with its session and its archive; one that is not here is forgotten already."""
        item_id, store = str(request["item"]), self.engine.store
        with self._locked(item_id):
            try:
                item = store.batches.item(item_id)
            except NotFound:
                return {}, b""
            if item.state in OPEN_ITEMS:
                raise Refused(f"The item {item.id} is {item.state}.")
            session_id = store.batches.session_of(item.id)
            if session_id is not None:
                session_trash.discard(self.engine, session_id)
            store.batches.remove_item(item.id)
            for file in (self._folder / "outgoing").glob(f"{_file_name(item_id)}-*.zip"):
                file.unlink(missing_ok=True)
            if not store.batches.items(item.batch_id):
                with suppress(AmpsmError):  # its coordinator is about to end it; the next one that is forgotten does
                    runs.remove(self.engine, item.batch_id)
        return {}, b""

    def _locked(self, item_id: str) -> "_ItemLock":
        return _ItemLock(self._folder / "items" / f"{_file_name(item_id)}.lock")


class _ItemLock:
    """The lock of one item on this host, against every other process and thread that is asked about it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._held = file_lock.locked(self._path, PATIENCE)
        if not self._held.__enter__():
            self._held.__exit__(None, None, None)
            raise Busy(f"Another request about this item has not ended for {PATIENCE:.0f} s.")

    def __exit__(self, *reason: object) -> None:
        self._held.__exit__(None, None, None)


def _file_name(item_id: str) -> str:
    """What the files of an item are called: its id comes from another machine, and has letters of any script."""
    return hashlib.sha256(item_id.encode("utf-8", "replace")).hexdigest()[:24]


def _session_id(text: object) -> str:
    if not repository.is_session_id(str(text)):
        raise Refused(f"{printable(str(text))[:80]!r} is no id of a session.")
    return str(text)


_VERBS: Mapping[str, Callable[[HostService, Request, bytes], Answer]] = {
    "hello": HostService.hello,
    "run": HostService.run,
    "watch": HostService.watch,
    "put": HostService.put,
    "collect": HostService.collect,
    "stop": HostService.stop,
    "forget": HostService.forget,
}

_hosts: dict[str, HostService] = {}
_making = threading.Lock()


def _host() -> HostService:
    """The host that this process is, made once for a home."""
    with _making:
        key = os.environ.get("AMPSM_HOME", "")
        if key not in _hosts:
            _hosts[key] = HostService(os.environ)
        return _hosts[key]
