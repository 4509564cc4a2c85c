"""The keys of the screens, by id: what each does, where it holds, and what the table [keys] may say about them.

Pure; no screen is known here. The screens bind the ids to what they do (`ampsm_tui.bindings`) and name no key.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import partial

from ampsm_engine.errors import NotFound, Unfit
from ampsm_engine.lean_dataclass import dataclass

_ONE = re.compile(r"(?:(?:ctrl|shift|alt|super)\+)*(?:[a-z][a-z0-9_]*|[^\s,+])")
_NEVER = {"ctrl+c": "it copies, or leaves ampsm", "ctrl+z": "it belongs to the shell", "ctrl+q": "it leaves ampsm"}

EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Gesture:
    """A meaning of keys that is the same on all screens: no other gesture has those keys."""

    keys: str
    """The default keys: one or several, joined by commas."""
    words: str
    """What it means everywhere, in a few words."""


@dataclass(frozen=True, slots=True)
class Key:
    """An action of the screens, with its keys."""

    id: str
    gestures: tuple[Gesture, ...]
    """What is pressed for it."""
    screens: tuple[str, ...]
    """The screens on which it holds."""
    meaning: str
    """What it does there, in a sentence."""
    changes: bool = False
    """Whether it changes something, leads to what does, or starts a program: left out where the app is read-only."""

    @property
    def keys(self) -> str:
        """The default keys: one or several, joined by commas."""
        return ",".join(gesture.keys for gesture in self.gestures)


_change = partial(Key, changes=True)


@dataclass(frozen=True, slots=True)
class KeyClash:
    """A key that has several actions on one screen: only one of them works there."""

    screen: str
    key: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} means {' and '.join(self.ids)} on one screen ({self.screen})"


SEND = "ctrl+g"
"""Go: no terminal takes it; shift+enter and ctrl+enter do not exist over SSH, ctrl+s stops a terminal."""

HELP = Gesture("question_mark", "help")
PALETTE = Gesture("colon", "all actions by name")
SETTINGS = Gesture("comma", "settings")
NOTIFICATIONS = Gesture("at", "notifications")
BACK = Gesture("escape", "one step back")
QUIT = Gesture("q", "leave this screen")
RETURN = Gesture("apostrophe", "back to where you were")
REDRAW = Gesture("ctrl+l", "paint anew")

DOWN = Gesture("j,down", "down")
UP = Gesture("k,up", "up")
FIELD_DOWN = Gesture("down", "down")
"""Among boxes to write in, where letters are text."""
FIELD_UP = Gesture("up", "up")
FIRST = Gesture("g,home", "to the first")
LAST = Gesture("G,end", "to the last")
HALF_DOWN = Gesture("ctrl+d", "half a screen down")
HALF_UP = Gesture("ctrl+u", "half a screen up")
PAGE_DOWN = Gesture("pagedown", "a page down")
FORWARD = Gesture("ctrl+f", "a page of a text down")
PAGE_UP = Gesture("pageup", "a page up")
SCROLL_DOWN = Gesture("J", "scroll down, the cursor stays")
SCROLL_UP = Gesture("K", "scroll up, the cursor stays")
RIGHT = Gesture("right,l", "to the right")
LEFT = Gesture("left,h", "to the left")
TAB = Gesture("tab", "to the next part of the screen")
TAB_BACK = Gesture("shift+tab", "to the part before")
ENTER = Gesture("enter", "open it, or go on")
SPACE = Gesture("space", "mark a row of a list; read on in a text")
NEXT = Gesture("n", "to the next that is sought")
BEFORE = Gesture("N", "to the one before that is sought")
NEXT_HUNK = Gesture("right_square_bracket", "to the next hunk")
HUNK_BEFORE = Gesture("left_square_bracket", "to the hunk before")
NEXT_FILE = Gesture("right_curly_bracket", "to the next file")
FILE_BEFORE = Gesture("left_curly_bracket", "to the file before")
NEXT_NOTE = Gesture("right_parenthesis", "to the next comment")
NOTE_BEFORE = Gesture("left_parenthesis", "to the comment before")

SEEK = Gesture("slash", "search, or filter, while typing")
SHOWN = Gesture("f", "choose what is shown")
ONLY_FILES = Gesture("ampersand", "show only some files")
SORT = Gesture("o", "sort in the next way")
REVERSE = Gesture("O", "the other way round")
GROUP = Gesture("b", "group by the next thing")
HERE = Gesture("full_stop", "only this repository")
BESIDE = Gesture("p", "show or hide what stands beside")
SINCE = Gesture("i", "since when")
FOLD = Gesture("z", "fold or open it")
FOLD_ALL = Gesture("Z", "fold or open all")
MORE = Gesture("plus", "more lines around it")
LESS = Gesture("minus", "fewer lines around it")
WHOLE = Gesture("equals_sign", "the whole file, or its changes")
SIDES = Gesture("vertical_line", "side by side")
WRAP = Gesture("w", "wrap long lines")
WHITESPACE = Gesture("W", "leave out white space")
WORDS = Gesture("I", "mark changed words")
RADAR = Gesture("asterisk", "where sessions overlap")
RUNS = Gesture("B", "batch runs")
NUMBERS = Gesture("number_sign", "numbers")
UPKEEP = Gesture("H", "what there is besides the sessions")

NEW = Gesture("a", "add a session")
NEW_FROM = Gesture("A", "add one like this")
MESSAGE = Gesture("m", "message to amp")
REVIEW = Gesture("v", "review what was changed")
MERGE = Gesture("M", "merge")
SCRIPT = Gesture("S", "run the script")
SETUP = Gesture("U", "set the worktree up")
STOP = Gesture("x", "stop it")
END = Gesture("ctrl+x", "end it by force")
AGAIN = Gesture("r", "send or try it again")
REFRESH = Gesture("R", "look again now")
FETCH = Gesture("F", "fetch, and look again")
TRASH = Gesture("d", "to the trash, or out of the queue")
DELETE = Gesture("D", "delete for good")
UNDO = Gesture("u", "undo the last step")
EDIT = Gesture("e", "edit it")
ABOUT = Gesture("E", "what is noted about a session")
SHELL = Gesture("exclamation_mark", "a shell")
EDIT_PART = Gesture("ctrl+e", "edit it in the editor before it goes on")
JUMP = Gesture("P", "to a file, by typing some of its name")
COPY = Gesture("y", "copy it")
COPY_ABOUT = Gesture("Y", "copy where it is or how it is called")
SELECT = Gesture("V", "select lines")
COMMENT = Gesture("c", "comment")
COMMENTS = Gesture("C", "the list of comments")
TICK = Gesture("t", "tick it off")
TICK_FILE = Gesture("T", "tick the file off")
STAGE = Gesture("s", "stage")
REJECT = Gesture("X", "reject: take it back, after a question")
GO = Gesture(SEND, "do it: send, start, commit or merge what is prepared")
NEW_LINE = Gesture("ctrl+j", "a new line")
EDITOR = Gesture("ctrl+t", "write it in the editor")
RESET = Gesture("ctrl+r", "as it was at first")
FROM_FILE = Gesture("ctrl+o", "from a file")
CHOICES = tuple(Gesture(str(number), "the choice of that number") for number in range(1, 9))
YES = Gesture("y", "yes")
NO = Gesture("n", "no")

BOXES = frozenset({"question", "text", "line", "script", "help", "menu", "progress"})
"""The screens that lie over others: keys that hold everywhere do not hold in them."""

_FORM, _NOTIFICATIONS, _KEYS_LIST = ("new session",), ("notifications",), ("keys",)
_LIST = ("list",)
_MERGE = ("merge",)
_CONFLICT = ("conflicts",)
_RESOLUTION = ("resolution",)
_SESSION = ("list", "session")
_ONE_SESSION = ("session",)
_REVIEW = ("review",)
_RADAR = ("radar",)
_WRITTEN = ("text", "line", "prompt", *_FORM, *_MERGE)
"""Where there are boxes to write in."""
_RUNS = ("runs", "run")
_RUN = ("run",)
_COMPARE = ("compare",)
_METRICS = ("metrics",)
_UPKEEP = ("upkeep",)
_TABLES = (*_RUNS, *_COMPARE, *_METRICS, *_UPKEEP)
_PAGES = (*_SESSION, *_TABLES, *_KEYS_LIST)
_MOVING = (*_PAGES, *_REVIEW)
_LISTS = ("help", "menu", "choice")
"""Where there is little but lines to go through."""


KEYS: dict[str, Key] = {
    key.id: key
    for key in (
        Key("help", (HELP,), (EVERYWHERE,), "help for this screen"),
        Key("palette", (PALETTE,), (EVERYWHERE,), "all actions by name"),
        _change("settings", (SETTINGS,), (EVERYWHERE,), "settings"),
        _change("notifications", (NOTIFICATIONS,), (EVERYWHERE,), "which notifications, and where"),
        Key("back", (BACK,), (EVERYWHERE,), "one step back"),
        Key("quit", (QUIT,), (EVERYWHERE,), "back, and from the first screen out of ampsm"),
        Key("return", (RETURN,), (EVERYWHERE,), "back to where you were when ampsm was cut off"),
        Key("redraw", (REDRAW,), (EVERYWHERE,), "paint the screen anew"),
        Key("list.open", (ENTER,), _LIST, "open the session"),
        Key("list.filter", (SEEK,), _LIST, "filter while typing"),
        Key("list.next", (NEXT,), _LIST, "to the next session that needs me"),
        Key("list.mark", (SPACE,), _LIST, "mark, for acting on several"),
        Key("list.status", (SHOWN,), _LIST, "only the sessions of the next status, at last those put away"),
        Key("list.sort", (SORT,), _LIST, "sort in the next way"),
        Key("list.group", (GROUP,), _LIST, "group by repository, or by tag"),
        Key("list.here", (HERE,), _LIST, "only this repository"),
        Key("list.radar", (RADAR,), _LIST, "which sessions overlap, and if all ready ones work together"),
        Key("list.preview", (BESIDE,), _LIST, "show or hide the preview"),
        Key("list.next-match", (NEXT,), ("filtered list",), "to the next session that the filter found"),
        Key("list.match-before", (BEFORE,), ("filtered list",), "to the one before"),
        Key("list.runs", (RUNS,), _LIST, "batch runs"),
        Key("list.upkeep", (UPKEEP,), _LIST, "worktrees to adopt, what to repair, and the trash"),
        Key("list.metrics", (NUMBERS,), (*_LIST, *_RUNS), "the numbers of what ran"),
        Key("table.open", (ENTER,), _TABLES, "open what the cursor is on"),
        _change("upkeep.adopt", (NEW,), _UPKEEP, "make the worktree a session"),
        _change("upkeep.repair", (GO,), _UPKEEP, "mend all that has a safe way back"),
        _change("upkeep.restore", (UNDO,), _UPKEEP, "bring the session back from the trash"),
        _change("upkeep.purge", (DELETE,), _UPKEEP, "delete the session from the trash for good"),
        Key("upkeep.look", (REFRESH,), _UPKEEP, "look again now"),
        Key("table.filter", (SEEK,), _TABLES, "filter while typing"),
        Key("table.mark", (SPACE,), (*_RUN, *_COMPARE, *_UPKEEP), "mark, for acting on several"),
        Key("table.status", (SHOWN,), _TABLES, "only those in the next state"),
        Key("table.sort", (SORT,), _TABLES, "sort by the next column"),
        Key("table.reverse", (REVERSE,), _TABLES, "the other way round"),
        Key("table.next-match", (NEXT,), _TABLES, "to the next one that the filter found"),
        Key("table.match-before", (BEFORE,), _TABLES, "to the one before"),
        Key("run.compare", (SIDES,), _RUN, "compare the variants of its prompt"),
        Key("compare.files", (TAB,), _COMPARE, "to the files that the variants changed, and back"),
        Key("run.review", (REVIEW,), (*_RUN, *_COMPARE), "read what it changed"),
        _change("run.retry", (AGAIN,), _RUN, "try it again"),
        _change("run.stop", (STOP,), _RUNS, "stop the run; what is at work comes to its end"),
        _change("run.end", (END,), _RUNS, "end the run, and what is at work with it"),
        _change("run.resume", (GO,), _RUNS, "take up what was stopped or failed"),
        _change("run.remove", (TRASH,), _RUNS, "remove the run; its sessions go to the trash"),
        Key("compare.diff", (SIDES,), _COMPARE, "read the diff between two variants"),
        _change("compare.merge", (MERGE,), _COMPARE, "from the variant to its base, step by step"),
        _change("compare.adopt", (GO,), _COMPARE, "keep this one, the others go to the trash"),
        Key("metrics.measure", (TAB,), _METRICS, "the next figure: tokens, success, time, tools"),
        Key("metrics.by", (GROUP,), _METRICS, "by the next thing: day, mode, repository, session, tool"),
        Key("metrics.since", (SINCE,), _METRICS, "of the next span of time"),
        Key("metrics.plot", (BESIDE,), _METRICS, "show or hide the plot"),
        Key("move.down", (DOWN,), (*_MOVING, *_NOTIFICATIONS, *_LISTS), "down"),
        Key("move.up", (UP,), (*_MOVING, *_NOTIFICATIONS, *_LISTS), "up"),
        Key("move.first", (FIRST,), (*_MOVING, "help"), "to the first"),
        Key("move.last", (LAST,), (*_MOVING, "help"), "to the last"),
        Key("move.page-down", (HALF_DOWN, PAGE_DOWN), (*_PAGES, "help"), "half a screen down"),
        Key("move.page-up", (HALF_UP, PAGE_UP), (*_PAGES, "help"), "half a screen up"),
        _change("session.new", (NEW,), _LIST, "new session"),
        _change("session.new-from", (NEW_FROM,), _LIST, "new session with the settings of this one"),
        _change("session.message", (MESSAGE,), _SESSION, "send a follow-up"),
        Key("session.review", (REVIEW,), _SESSION, "read what it changed"),
        _change("session.merge", (MERGE,), (*_SESSION, *_REVIEW), "from the session to its base, step by step"),
        _change("session.stop", (STOP,), _SESSION, "stop what is running and queued"),
        _change("session.retry", (AGAIN,), _SESSION, "run the last prompt again"),
        _change("session.script", (SCRIPT,), _SESSION, "run the script"),
        _change("session.setup", (SETUP,), _SESSION, "run the setup of its worktree again, or go on without"),
        _change("session.about", (ABOUT,), _SESSION, "change its name, notes, base, script, mode, tags; archive it"),
        _change("session.trash", (TRASH,), _SESSION, "to the trash"),
        _change("session.undo", (UNDO,), _SESSION, "take back the merge, or what went to the trash last"),
        _change("session.editor", (EDIT,), _SESSION, "open the worktree in the editor"),
        _change("session.shell", (SHELL,), _SESSION, "a shell in the worktree"),
        Key("session.copy", (COPY_ABOUT,), _SESSION, "copy id, branch, path, prompt or thread"),
        _change("list.clean", (TICK,), _LIST, "to the trash with what is merged, here or upstream, after one question"),
        Key("list.copy", (COPY,), _LIST, "copy id, branch, path, prompt or thread"),
        Key("session.open", (ENTER, FOLD), _ONE_SESSION, "open or close what the cursor is on"),
        Key("session.open-all", (FOLD_ALL,), _ONE_SESSION, "open everything, or close it again"),
        Key("session.copy-text", (COPY,), _ONE_SESSION, "copy what the cursor is on"),
        Key("session.read-on", (SPACE,), _ONE_SESSION, "a screen down"),
        Key("session.timeline", (TAB,), _ONE_SESSION, "to the timeline, what is queued, the prompt, and back"),
        Key("session.search", (SEEK,), _ONE_SESSION, "search in the transcript"),
        Key("session.next-match", (NEXT,), _ONE_SESSION, "to the next match"),
        Key("session.match-before", (BEFORE,), _ONE_SESSION, "to the match before"),
        Key("review.read-on", (SPACE,), _REVIEW, "a screen down; at its end the file is viewed, and the next is read"),
        Key("review.hunk", (NEXT_HUNK,), _REVIEW, "to the next hunk"),
        Key("review.hunk-before", (HUNK_BEFORE,), _REVIEW, "to the hunk before"),
        Key("review.file", (NEXT_FILE,), _REVIEW, "to the next file"),
        Key("review.file-before", (FILE_BEFORE,), _REVIEW, "to the file before"),
        Key("review.note", (NEXT_NOTE,), _REVIEW, "to the next comment"),
        Key("review.note-before", (NOTE_BEFORE,), _REVIEW, "to the comment before"),
        Key("review.half-down", (HALF_DOWN,), _REVIEW, "half a screen down"),
        Key("review.half-up", (HALF_UP,), _REVIEW, "half a screen up"),
        Key("review.page-down", (PAGE_DOWN, FORWARD), _REVIEW, "a screen down"),
        Key("review.page-up", (PAGE_UP,), _REVIEW, "a screen up"),
        Key("review.scroll-down", (SCROLL_DOWN,), _REVIEW, "scroll down; the cursor stays"),
        Key("review.scroll-up", (SCROLL_UP,), _REVIEW, "scroll up; the cursor stays"),
        Key("review.right", (RIGHT,), _REVIEW, "to the right of long lines"),
        Key("review.left", (LEFT,), _REVIEW, "to the left"),
        _change("review.mark", (TICK,), _REVIEW, "the hunk is viewed, or not; on to the next"),
        _change("review.mark-file", (TICK_FILE,), _REVIEW, "the file is viewed, or not"),
        _change("review.comment", (COMMENT,), _REVIEW, "comment on the line, the selected lines, or the file"),
        Key("review.select", (SELECT,), _REVIEW, "select lines"),
        Key("review.comments", (COMMENTS,), _REVIEW, "the list of comments"),
        _change("review.send", (MESSAGE,), _REVIEW, "write amp's next prompt, of the comments where there are some"),
        _change("review.reject", (REJECT,), _REVIEW, "take back the selected lines, the hunk or the file"),
        _change("review.undo", (UNDO,), _REVIEW, "bring back what was rejected last"),
        _change(
            "review.stage", (STAGE,), _REVIEW, "stage the selected lines, the hunk or the file; again takes them out"
        ),
        _change("review.edit-hunk", (EDIT_PART,), _REVIEW, "write the hunk anew in the editor, and stage it so"),
        _change("review.commit", (GO,), _REVIEW, "commit what is staged"),
        Key("review.range", (SHOWN,), _REVIEW, "choose which changes to look at"),
        Key("review.since", (SINCE,), _REVIEW, "what changed since you looked, and back"),
        Key("review.refresh", (REFRESH,), _REVIEW, "look again now"),
        Key("review.search", (SEEK,), _REVIEW, "search, a regular expression"),
        Key("review.next", (NEXT,), _REVIEW, "to the next match, or what is not viewed"),
        Key("review.previous", (BEFORE,), _REVIEW, "to the match before"),
        Key("review.filter", (ONLY_FILES,), _REVIEW, "show only some files: by name, unviewed, viewed, commented"),
        Key("review.files", (TAB,), _REVIEW, "into the list of files, and back"),
        Key("review.jump", (JUMP,), _REVIEW, "to a file, by typing some of its name"),
        Key("review.zen", (BESIDE,), _REVIEW, "hide or show the list of files"),
        Key("review.open", (ENTER,), _REVIEW, "more lines at a gap, fold or open a file, edit a comment"),
        Key("review.more", (MORE,), _REVIEW, "more lines around the hunk"),
        Key("review.less", (LESS,), _REVIEW, "the hunk without them"),
        Key("review.whole", (WHOLE,), _REVIEW, "the whole file, or its changes alone"),
        Key("review.fold", (FOLD,), _REVIEW, "fold or open the hunk or the file"),
        Key("review.fold-all", (FOLD_ALL,), _REVIEW, "fold or open all files"),
        Key("review.split", (SIDES,), _REVIEW, "side by side, or one below the other"),
        Key("review.wrap", (WRAP,), _REVIEW, "wrap long lines"),
        Key("review.whitespace", (WHITESPACE,), _REVIEW, "leave out changes of white space"),
        Key("review.words", (WORDS,), _REVIEW, "mark the changed words of a line"),
        _change("review.editor", (EDIT,), _REVIEW, "open the file in the editor, at the line"),
        Key("review.copy", (COPY,), _REVIEW, "copy the line, the selected lines, or the hunk"),
        Key("review.copy-place", (COPY_ABOUT,), _REVIEW, "copy path:line"),
        Key("files.open", (ENTER, RIGHT), ("files",), "read the file; fold or open a folder"),
        Key("files.close", (LEFT,), ("files",), "fold the folder; from a file, to its folder"),
        Key("files.fold", (FOLD,), ("files",), "fold or open the folder"),
        Key("files.fold-all", (FOLD_ALL,), ("files",), "fold or open all folders"),
        _change("files.mark", (SPACE,), ("files",), "the file is viewed, or not; of a folder, all its files"),
        Key("files.page-down", (HALF_DOWN, PAGE_DOWN), ("files",), "further down"),
        Key("files.page-up", (HALF_UP, PAGE_UP), ("files",), "further up"),
        Key("comments.go", (ENTER,), ("comments",), "to the comment"),
        _change("comments.resolve", (TICK,), ("comments",), "nothing more is to be said about it"),
        _change("comments.reopen", (AGAIN,), ("comments",), "send it again with the next"),
        _change("comments.delete", (DELETE,), ("comments",), "delete it"),
        _change("queue.edit", (ENTER, EDIT), ("queue",), "edit a queued prompt"),
        _change("queue.take-out", (TRASH,), ("queue",), "remove a queued prompt"),
        _change("text.send", (ENTER, GO), ("text", "line", "prompt"), "send or save what was written"),
        Key("text.newline", (NEW_LINE,), _WRITTEN, "a new line; a backslash before the key that sends is one, too"),
        Key("text.editor", (EDITOR,), _WRITTEN, "write it in the editor"),
        _change("new.start", (GO,), _FORM, "make the session and start amp"),
        _change("new.send", (ENTER,), ("prompt of a new session",), "make the session and start amp"),
        Key("new.file", (FROM_FILE,), _FORM, "the prompt from a file"),
        Key("new.reset", (RESET,), _FORM, "begin anew, without what was typed before"),
        Key("first.look", (REFRESH,), ("first run",), "look again what is missing"),
        Key("settings.next", (TAB, FIELD_DOWN), ("settings",), "to the next setting"),
        Key("settings.previous", (TAB_BACK, FIELD_UP), ("settings",), "to the setting before"),
        _change("settings.turn", (SPACE, ENTER, LEFT, RIGHT), ("settings",), "on or off"),
        Key("choice.list", (ENTER, SPACE), ("choice",), "list what may be chosen"),
        _change("settings.default", (RESET,), ("settings",), "as ampsm comes"),
        Key("settings.keys", (ENTER, SPACE), ("keys row",), "list the keys"),
        _change("keys.change", (ENTER,), _KEYS_LIST, "give another key"),
        _change("keys.default", (RESET,), _KEYS_LIST, "as ampsm comes"),
        _change("notifications.change", (SPACE, ENTER), _NOTIFICATIONS, "on or off"),
        _change("notifications.next", (RIGHT,), _NOTIFICATIONS, "to the next choice"),
        _change("notifications.previous", (LEFT,), _NOTIFICATIONS, "to the choice before"),
        _change("notifications.try", (GO,), _NOTIFICATIONS, "try it"),
        Key("merge.next", (ENTER,), _MERGE, "to the next step"),
        Key("merge.look", (REFRESH,), _MERGE, "look at everything again"),
        _change("merge.fetch", (FETCH,), _MERGE, "fetch, and look again"),
        _change("merge.script", (SCRIPT,), _MERGE, "run the script, or end it"),
        _change("merge.begin", (GO,), _MERGE, "do what the plan says"),
        Key("merge.message", (TAB,), _MERGE, "change the message"),
        Key("merge.what", (CHOICES[0],), _MERGE, "merge, squash only or rebase only"),
        Key("merge.onto", (CHOICES[1],), _MERGE, "into another branch"),
        Key("merge.squash", (CHOICES[2],), _MERGE, "squash or not"),
        Key("merge.manual", (CHOICES[3],), _MERGE, "what becomes of commits by hand"),
        Key("merge.forward", (CHOICES[4],), _MERGE, "fast-forward or merge commit"),
        Key("merge.push", (CHOICES[5],), _MERGE, "push or not"),
        Key("merge.pull-request", (CHOICES[6],), _MERGE, "pull request or not"),
        Key("merge.patch", (CHOICES[7],), _MERGE, "write a patch file"),
        _change("merge.undo", (UNDO,), _MERGE, "undo the merge"),
        _change("merge.trash", (TRASH,), _MERGE, "move the merged session to the trash"),
        _change("conflict.ours", (CHOICES[0],), _CONFLICT, "this conflict as the base has it"),
        _change("conflict.theirs", (CHOICES[1],), _CONFLICT, "this conflict as the session has it"),
        _change("conflict.both", (CHOICES[2],), _CONFLICT, "both sides, the base first"),
        _change("conflict.edit", (EDIT,), _CONFLICT, "edit the file, at the conflict"),
        _change("conflict.undo", (UNDO,), _CONFLICT, "take the last choice for this file back"),
        _change("conflict.amp", (MESSAGE,), _CONFLICT, "give the conflict to amp"),
        Key("conflict.next", (ENTER, NEXT), _CONFLICT, "to the next one that is open"),
        _change("conflict.continue", (GO,), _CONFLICT, "commit what is resolved, and go on"),
        _change("conflict.abort", (REJECT,), _CONFLICT, "take it all back"),
        Key("conflict.review", (REVIEW,), _CONFLICT, "read what amp made of it"),
        _change("conflict.accept", (GO,), _RESOLUTION, "take amp's resolution as it was read"),
        _change("conflict.reject", (REJECT,), _RESOLUTION, "put the conflict back as amp got it"),
        _change("conflict.as-is", (CHOICES[5],), _CONFLICT, "the file as it lies there"),
        _change("conflict.all-ours", (CHOICES[3],), _CONFLICT, "the whole file as the base has it"),
        _change("conflict.all-theirs", (CHOICES[4],), _CONFLICT, "the whole file as the session has it"),
        Key("conflict.next-hunk", (NEXT_HUNK,), _CONFLICT, "to the next conflict"),
        Key("conflict.hunk-before", (HUNK_BEFORE,), _CONFLICT, "to the conflict before"),
        Key("conflict.next-file", (NEXT_FILE,), _CONFLICT, "to the next file"),
        Key("conflict.file-before", (FILE_BEFORE,), _CONFLICT, "to the file before"),
        _change("radar.check", (SCRIPT,), _RADAR, "run the script on all that is ready together, or end it"),
        Key("radar.copy", (COPY,), _RADAR, "copy the command that merges what passes together"),
        Key("dialog.yes", (YES, ENTER), ("question",), "yes"),
        Key("dialog.no", (NO,), ("question",), "no"),
        Key("dialog.cancel", (BACK,), ("question", "text", "line"), "close it; what was typed is kept"),
        Key("dialog.reset", (RESET,), ("text", "line"), "begin anew, without what was typed before"),
        Key("progress.stop", (BACK,), ("progress",), "stop after the one that is begun"),
        Key("menu.take", (ENTER,), ("menu",), "choose the line under the cursor"),
        Key("dialog.stop", (BACK,), ("script",), "stop the script, then close"),
        Key("dialog.close", (ENTER, QUIT), ("script",), "close; the script goes on"),
        Key("help.close", (BACK, QUIT, HELP, ENTER), ("help",), "close the help"),
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
        if screen in key.screens or (EVERYWHERE in key.screens and screen not in BOXES):
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
