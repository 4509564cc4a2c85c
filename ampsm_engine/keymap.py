"""The keys of the screens, by id: what each does, where it holds, and what the table [keys] may say about them.

Pure; no screen is known here. The screens bind the ids to what they do (`ampsm_tui.bindings`) and name no key.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from ampsm_engine.errors import NotFound, Unfit
from ampsm_engine.lean_dataclass import dataclass

_ONE = re.compile(r"(?:(?:ctrl|shift|alt|super)\+)*(?:[a-z][a-z0-9_]*|[^\s,+])")
_NEVER = {"ctrl+c": "it copies, or leaves ampsm", "ctrl+z": "it belongs to the shell", "ctrl+q": "it leaves ampsm"}

EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a key does."""

    id: str
    keys: str
    """Its default: one key or several, joined by commas."""
    screens: tuple[str, ...]
    """Where it holds."""
    meaning: str


@dataclass(frozen=True, slots=True)
class KeyClash:
    """One key for several things on one screen: the first of them wins."""

    screen: str
    key: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} means {' and '.join(self.ids)} on one screen ({self.screen})"


SEND = "ctrl+g"
"""Go: no terminal, multiplexer or flow control takes it; Enter makes a new line in a text, shift+enter and ctrl+enter
do not exist over SSH, ctrl+s stops a terminal."""

_BOXES = frozenset({"question", "text", "line", "script", "help", "copy", "progress"})
"""They lie over the screens; what holds everywhere does not hold in them."""

_FORM = ("new session",)
_TELLING = ("notifications",)
_KEYS_LIST = ("keys",)
_LIST = ("list",)
_MERGE = ("merge",)
_CONFLICT = ("conflicts",)
_RESOLUTION = ("resolution",)
_SESSION = ("list", "session")
_ONE_SESSION = ("session",)
_REVIEW = ("review",)
_RADAR = ("radar",)
_RUNS = ("runs", "run")
_RUN = ("run",)
_COMPARE = ("compare",)
_METRICS = ("metrics",)
_TABLES = (*_RUNS, *_COMPARE, *_METRICS)
_PAGES = (*_SESSION, *_TABLES)
_MOVING = (*_SESSION, "review", *_TABLES)


KEYS: dict[str, Key] = {
    key.id: key
    for key in (
        Key("help", "question_mark", (EVERYWHERE,), "help for this screen"),
        Key("palette", "colon", (EVERYWHERE,), "all actions by name"),
        Key("settings", "comma", (EVERYWHERE,), "settings"),
        Key("notifications", "at", (EVERYWHERE,), "which notifications, and where"),
        Key("back", "escape", (EVERYWHERE,), "one step back"),
        Key("quit", "q", (EVERYWHERE,), "back, and from the first screen out of ampsm"),
        Key("return", "apostrophe", (EVERYWHERE,), "back to where you were when ampsm was cut off"),
        Key("redraw", "ctrl+l", (EVERYWHERE,), "paint the screen anew"),
        Key("list.open", "enter", _LIST, "open the session"),
        Key("list.filter", "slash", _LIST, "filter while typing"),
        Key("list.next", "w", _LIST, "to the next session that needs me"),
        Key("list.mark", "space", _LIST, "mark, for acting on several"),
        Key("list.status", "f", _LIST, "only the sessions of the next status"),
        Key("list.sort", "o", _LIST, "sort in the next way"),
        Key("list.group", "b", _LIST, "group by repository"),
        Key("list.here", "full_stop", _LIST, "only this repository"),
        Key("list.radar", "c", _LIST, "which sessions meet, and if all that are ready work together"),
        Key("list.preview", "p", _LIST, "show or hide the preview"),
        Key("list.next-match", "n", ("filtered list",), "to the next session that the filter found"),
        Key("list.match-before", "N", ("filtered list",), "to the one before"),
        Key("list.runs", "B", _LIST, "batch runs"),
        Key("list.metrics", "number_sign", (*_LIST, *_RUNS), "the numbers of what ran"),
        Key("table.open", "enter", _TABLES, "open what the cursor is on"),
        Key("table.filter", "slash", _TABLES, "filter while typing"),
        Key("table.mark", "space", (*_RUN, *_COMPARE), "mark, for acting on several"),
        Key("table.status", "f", _TABLES, "only those in the next state"),
        Key("table.sort", "o", _TABLES, "sort by the next column"),
        Key("table.reverse", "O", _TABLES, "the other way round"),
        Key("table.next-match", "n", _TABLES, "to the next one that the filter found"),
        Key("table.match-before", "N", _TABLES, "to the one before"),
        Key("run.compare", "c", _RUN, "compare the variants of its prompt"),
        Key("run.review", "v", (*_RUN, *_COMPARE), "read what it changed"),
        Key("run.retry", "r", _RUN, "try it again"),
        Key("run.stop", "x", _RUNS, "stop the run; what is at work comes to its end"),
        Key("run.end", "X", _RUNS, "end the run, and what is at work with it"),
        Key("run.resume", "R", _RUNS, "take up what was stopped or failed"),
        Key("run.remove", "d", _RUNS, "remove the run; its sessions go to the trash"),
        Key("compare.diff", "V", _COMPARE, "read the diff between two variants"),
        Key("compare.merge", "M", _COMPARE, "from the variant to its base, step by step"),
        Key("compare.adopt", "a", _COMPARE, "keep this one, the others go to the trash"),
        Key("metrics.measure", "m", _METRICS, "the next figure: tokens, success, time, tools"),
        Key("metrics.by", "b", _METRICS, "by the next thing: day, mode, repository, session, tool"),
        Key("metrics.since", "s", _METRICS, "of the next span of time"),
        Key("metrics.plot", "p", _METRICS, "show or hide the plot"),
        Key("move.down", "j,down", _MOVING, "down"),
        Key("move.up", "k,up", _MOVING, "up"),
        Key("move.first", "g,home", _MOVING, "to the first"),
        Key("move.last", "G,end", _MOVING, "to the last"),
        Key("move.page-down", "ctrl+d,pagedown", _PAGES, "half a screen down"),
        Key("move.page-up", "ctrl+u,pageup", _PAGES, "half a screen up"),
        Key("session.new", "n", _LIST, "new session"),
        Key("session.new-from", "N", _LIST, "new session with the settings of this one"),
        Key("session.message", "m", _SESSION, "send a follow-up"),
        Key("session.review", "v", _SESSION, "read what it changed"),
        Key("session.merge", "M", _SESSION, "from the session to its base, step by step"),
        Key("session.stop", "x", _SESSION, "stop what is running and queued"),
        Key("session.retry", "r", _SESSION, "run the last prompt again"),
        Key("session.script", "s", _SESSION, "run the script"),
        Key("session.rename", "R", _SESSION, "rename"),
        Key("session.notes", "T", _SESSION, "notes"),
        Key("session.trash", "d", _SESSION, "to the trash"),
        Key("session.undo", "u", _SESSION, "take back the merge, or what went to the trash last"),
        Key("session.editor", "e", _SESSION, "open the worktree in the editor"),
        Key("session.shell", "exclamation_mark", _SESSION, "a shell in the worktree"),
        Key("session.copy", "y", _SESSION, "copy id, branch, path, prompt or thread"),
        Key("session.open", "enter", _ONE_SESSION, "open or close what the cursor is on"),
        Key("session.open-all", "z", _ONE_SESSION, "open everything, or close it again"),
        Key("session.copy-text", "c", _ONE_SESSION, "copy what the cursor is on"),
        Key("session.read-on", "space", _ONE_SESSION, "a screen down"),
        Key("session.timeline", "t", _ONE_SESSION, "into the timeline, and back"),
        Key("session.search", "slash", _ONE_SESSION, "search in the transcript"),
        Key("session.next-match", "n", _ONE_SESSION, "to the next match"),
        Key("session.match-before", "N", _ONE_SESSION, "to the match before"),
        Key("review.read-on", "space", _REVIEW, "a screen down; at its end the file is viewed, and the next is read"),
        Key("review.hunk", "right_square_bracket", _REVIEW, "to the next hunk"),
        Key("review.hunk-before", "left_square_bracket", _REVIEW, "to the hunk before"),
        Key("review.file", "right_curly_bracket", _REVIEW, "to the next file"),
        Key("review.file-before", "left_curly_bracket", _REVIEW, "to the file before"),
        Key("review.note", "right_parenthesis", _REVIEW, "to the next comment"),
        Key("review.note-before", "left_parenthesis", _REVIEW, "to the comment before"),
        Key("review.half-down", "d,ctrl+d", _REVIEW, "half a screen down"),
        Key("review.half-up", "u,ctrl+u", _REVIEW, "half a screen up"),
        Key("review.page-down", "f,pagedown,ctrl+f", _REVIEW, "a screen down"),
        Key("review.page-up", "b,pageup", _REVIEW, "a screen up"),
        Key("review.scroll-down", "J", _REVIEW, "scroll down; the cursor stays"),
        Key("review.scroll-up", "K", _REVIEW, "scroll up; the cursor stays"),
        Key("review.right", "right,L", _REVIEW, "to the right of long lines"),
        Key("review.left", "left,H", _REVIEW, "to the left"),
        Key("review.mark", "m", _REVIEW, "the hunk is viewed, or not; on to the next"),
        Key("review.mark-file", "M", _REVIEW, "the file is viewed, or not"),
        Key("review.comment", "c", _REVIEW, "comment on the line, the selected lines, or the file"),
        Key("review.select", "V", _REVIEW, "select lines"),
        Key("review.comments", "C", _REVIEW, "the list of comments"),
        Key("review.send", "S", _REVIEW, "send the comments as amp's next prompt"),
        Key("review.reject", "X", _REVIEW, "take back the hunk or the file"),
        Key("review.undo", "U", _REVIEW, "bring back what was rejected last"),
        Key("review.stage", "s", _REVIEW, "stage the hunk or the file, or take it out again"),
        Key("review.commit", "a", _REVIEW, "commit what is staged"),
        Key("review.range", "r", _REVIEW, "choose which changes to look at"),
        Key("review.since", "i", _REVIEW, "what changed since you looked, and back"),
        Key("review.refresh", "R", _REVIEW, "look again now"),
        Key("review.search", "slash", _REVIEW, "search, a regular expression"),
        Key("review.next", "n", _REVIEW, "to the next match, or what is not viewed"),
        Key("review.previous", "N", _REVIEW, "to the match before"),
        Key("review.filter", "ampersand", _REVIEW, "show only some files"),
        Key("review.files", "t", _REVIEW, "into the list of files, and back"),
        Key("review.zen", "backslash", _REVIEW, "hide or show the list of files"),
        Key("review.open", "enter", _REVIEW, "more lines at a gap, fold or open a file, edit a comment"),
        Key("review.more", "plus", _REVIEW, "more lines around the hunk"),
        Key("review.less", "minus", _REVIEW, "the hunk without them"),
        Key("review.whole", "equals_sign", _REVIEW, "the whole file, or its changes alone"),
        Key("review.fold", "z", _REVIEW, "fold or open the hunk or the file"),
        Key("review.fold-all", "Z", _REVIEW, "fold or open all files"),
        Key("review.split", "vertical_line", _REVIEW, "side by side, or one below the other"),
        Key("review.wrap", "w", _REVIEW, "wrap long lines"),
        Key("review.whitespace", "W", _REVIEW, "leave out changes of white space"),
        Key("review.words", "I", _REVIEW, "mark the changed words of a line"),
        Key("review.editor", "e", _REVIEW, "open the file in the editor, at the line"),
        Key("review.copy", "y", _REVIEW, "copy the line, the selected lines, or the hunk"),
        Key("review.copy-place", "Y", _REVIEW, "copy path:line"),
        Key("files.open", "enter,l,right", ("files",), "read the file"),
        Key("files.mark", "space", ("files",), "the file is viewed, or not"),
        Key("files.page-down", "d,ctrl+d,pagedown", ("files",), "further down"),
        Key("files.page-up", "u,ctrl+u,pageup", ("files",), "further up"),
        Key("comments.go", "enter", ("comments",), "to the comment"),
        Key("comments.resolve", "x", ("comments",), "nothing more is to be said about it"),
        Key("comments.reopen", "o", ("comments",), "send it again with the next"),
        Key("comments.delete", "D", ("comments",), "delete it"),
        Key("queue.edit", "enter,e", ("queue",), "edit a queued prompt"),
        Key("queue.take-out", "d", ("queue",), "remove a queued prompt"),
        Key("prompt.send", "enter", ("prompt",), "send the prompt"),
        Key("prompt.newline", "ctrl+j", ("prompt",), "a new line in the prompt"),
        Key("new.start", SEND, _FORM, "make the session and start amp"),
        Key("new.file", "ctrl+o", _FORM, "the prompt from a file"),
        Key("new.reset", "ctrl+r", _FORM, "begin anew, without what was typed before"),
        Key("first.look", "r", ("first run",), "look again what is missing"),
        Key("settings.next", "tab,down", ("settings",), "to the next setting"),
        Key("settings.previous", "shift+tab,up", ("settings",), "to the setting before"),
        Key("settings.turn", "space,enter,left,right", ("settings",), "on or off"),
        Key("settings.default", "ctrl+r", ("settings",), "as ampsm comes"),
        Key("settings.keys", "enter,space", ("keys row",), "list the keys"),
        Key("keys.change", "enter", _KEYS_LIST, "give another key"),
        Key("keys.default", "ctrl+r", _KEYS_LIST, "as ampsm comes"),
        Key("keys.down", "j", _KEYS_LIST, "down"),
        Key("keys.up", "k", _KEYS_LIST, "up"),
        Key("keys.first", "g", _KEYS_LIST, "to the first"),
        Key("keys.last", "G", _KEYS_LIST, "to the last"),
        Key("keys.page-down", "ctrl+d", _KEYS_LIST, "a page down"),
        Key("keys.page-up", "ctrl+u", _KEYS_LIST, "a page up"),
        Key("notifications.change", "space,enter", _TELLING, "on or off"),
        Key("notifications.next", "right,l", _TELLING, "to the next choice"),
        Key("notifications.previous", "left,h", _TELLING, "to the choice before"),
        Key("notifications.try", "t", _TELLING, "try it"),
        Key("notifications.down", "j", _TELLING, "down"),
        Key("notifications.up", "k", _TELLING, "up"),
        Key("merge.next", "enter", _MERGE, "to the next step"),
        Key("merge.look", "r", _MERGE, "look at everything again"),
        Key("merge.fetch", "F", _MERGE, "fetch, and look again"),
        Key("merge.script", "t", _MERGE, "run the script, or end it"),
        Key("merge.begin", SEND, _MERGE, "do what the plan says"),
        Key("merge.message", "m", _MERGE, "change the message"),
        Key("merge.what", "w", _MERGE, "merge, squash only or rebase only"),
        Key("merge.onto", "o", _MERGE, "into another branch"),
        Key("merge.squash", "s", _MERGE, "squash or not"),
        Key("merge.manual", "h", _MERGE, "what becomes of commits by hand"),
        Key("merge.forward", "f", _MERGE, "fast-forward or merge commit"),
        Key("merge.push", "p", _MERGE, "push or not"),
        Key("merge.pull-request", "P", _MERGE, "pull request or not"),
        Key("merge.patch", "x", _MERGE, "write a patch file"),
        Key("merge.undo", "u", _MERGE, "undo the merge"),
        Key("merge.trash", "d", _MERGE, "move the merged session to the trash"),
        Key("conflict.ours", "o", _CONFLICT, "this conflict as the base has it"),
        Key("conflict.theirs", "t", _CONFLICT, "this conflict as the session has it"),
        Key("conflict.both", "b", _CONFLICT, "both sides, the base first"),
        Key("conflict.edit", "e", _CONFLICT, "edit the file, at the conflict"),
        Key("conflict.undo", "z", _CONFLICT, "take the last choice for this file back"),
        Key("conflict.amp", "A", _CONFLICT, "give the conflict to amp"),
        Key("conflict.next", "enter", _CONFLICT, "to the next one that is open"),
        Key("conflict.continue", "c", _CONFLICT, "commit what is resolved, and go on"),
        Key("conflict.abort", "X", _CONFLICT, "take it all back"),
        Key("conflict.review", "v", _CONFLICT, "read what amp made of it"),
        Key("conflict.accept", "y", _RESOLUTION, "take amp's resolution as it was read"),
        Key("conflict.reject", "X", _RESOLUTION, "put the conflict back as amp got it"),
        Key("conflict.as-is", "a", _CONFLICT, "the file as it lies there"),
        Key("conflict.all-ours", "O", _CONFLICT, "the whole file as the base has it"),
        Key("conflict.all-theirs", "T", _CONFLICT, "the whole file as the session has it"),
        Key("conflict.next-hunk", "right_square_bracket", _CONFLICT, "to the next conflict"),
        Key("conflict.hunk-before", "left_square_bracket", _CONFLICT, "to the conflict before"),
        Key("conflict.next-file", "right_curly_bracket", _CONFLICT, "to the next file"),
        Key("conflict.file-before", "left_curly_bracket", _CONFLICT, "to the file before"),
        Key("radar.check", "t", _RADAR, "run the script on all that is ready together, or end it"),
        Key("radar.copy", "y", _RADAR, "copy the command that merges what passes together"),
        Key("dialog.yes", "y,enter", ("question",), "yes"),
        Key("dialog.no", "n", ("question",), "no"),
        Key("dialog.cancel", "escape", ("question", "text", "line"), "close it; what was typed is kept"),
        Key("dialog.send", SEND, ("text",), "send or save what was written"),
        Key("dialog.reset", "ctrl+r", ("text", "line"), "begin anew, without what was typed before"),
        Key("dialog.save", "enter", ("line",), "save what was written"),
        Key("progress.stop", "escape", ("progress",), "stop after the one that is begun"),
        Key("copy.take", "enter", ("copy",), "copy the line under the cursor"),
        Key("dialog.stop", "escape", ("script",), "stop the script, then close"),
        Key("dialog.close", "enter,q", ("script",), "close; the script goes on"),
        Key("help.close", "escape,q,question_mark,enter", ("help",), "close the help"),
    )
}
"""Every binding that may have another key, in the order of the help."""


def known(key_id: str) -> Key:
    """The key of that id; NotFound with the likely one otherwise."""
    try:
        return KEYS[key_id]
    except KeyError:
        near = difflib.get_close_matches(key_id, KEYS, n=1)
        hint = f"Did you mean keys.{near[0]}?" if near else "Help (?) names the id of every key."
        raise NotFound(f"There is no key for {key_id!r}.", hint) from None


def checked(key_id: str, text: str) -> str:
    """Keys as the screens take them, from what a person typed: `n`, `ctrl+n`, `n, ctrl+n`. NotFound or Unfit."""
    key = known(key_id)
    parts = [spelled(part.strip()) for part in text.split(",")]
    for part, typed in zip(parts, text.split(","), strict=True):
        reason = "" if _ONE.fullmatch(part) else "that is no name of a key"
        reason = reason or _NEVER.get(part, "")
        if reason:
            message = f"The setting keys.{key_id} takes keys such as n, N or ctrl+n, not {typed.strip()!r}: {reason}."
            raise Unfit(message, f"ampsm config set keys.{key_id} {key.keys}")
    return ",".join(dict.fromkeys(parts))


def spelled(typed: str) -> str:
    """A key as the screens call it: `?` is question_mark, `esc` is escape; other words stay as they are."""
    if len(typed) != 1 or typed.isalnum():
        return _SPELLED.get(typed.lower(), typed)
    name = unicodedata.name(typed, "").lower().replace("-", "_").replace(" ", "_")
    return _SPELLED.get(name, name)


def clashes(chosen: Mapping[str, str]) -> tuple[KeyClash, ...]:
    """Where a chosen key (by id) meets another thing of the same screen."""
    screens = dict.fromkeys(screen for key in KEYS.values() for screen in key.screens)
    found = [clash for screen in screens if screen != EVERYWHERE for clash in _on(screen, chosen)]
    unique: dict[tuple[str, tuple[str, ...]], KeyClash] = {}
    for clash in found:
        unique.setdefault((clash.key, clash.ids), clash)
    return tuple(unique.values())


def _on(screen: str, chosen: Mapping[str, str]) -> Iterable[KeyClash]:
    found: dict[str, list[str]] = {}
    for key in KEYS.values():
        if screen in key.screens or (EVERYWHERE in key.screens and screen not in _BOXES):
            for one in chosen.get(key.id, key.keys).split(","):
                found.setdefault(one, []).append(key.id)
    for one, ids in found.items():
        # Two defaults on one key are ours to answer for; a test forbids them.
        if len(ids) > 1 and any(key_id in chosen for key_id in ids):
            yield KeyClash(screen, one, tuple(ids))


_SPELLED = {
    "return": "enter",
    "esc": "escape",
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Names of keys that a person or Unicode gives, by what the screens call them."""
