"""The keys of other keyboards and habits: what is pressed for a gesture in a layout, which is one setting."""

from ampsm_engine.keymap import (
    BACK,
    DOWN,
    FIELD_DOWN,
    FIELD_UP,
    FILE_BEFORE,
    FIRST,
    FORWARD,
    GO,
    HUNK_BEFORE,
    KEYS,
    LAST,
    NEXT_FILE,
    NEXT_HUNK,
    NOTIFICATIONS,
    NUMBERS,
    PAGE_DOWN,
    RIGHT,
    SCROLL_DOWN,
    SCROLL_UP,
    SEEK,
    SIDES,
    UNDO,
    UP,
    Gesture,
)

LAYOUTS: dict[str, dict[Gesture, str]] = {
    "vim": {},
    # Nothing that needs AltGr on the keyboards of Germany, France, Spain, Italy, the North ...: < and > lie beside the
    # left shift key there.
    "iso": {
        NEXT_HUNK: "greater_than_sign",
        HUNK_BEFORE: "less_than_sign",
        NEXT_FILE: "J",
        FILE_BEFORE: "K",
        SCROLL_DOWN: "ctrl+n",
        SCROLL_UP: "ctrl+p",
        SIDES: "underscore",
        NUMBERS: "percent_sign",
        NOTIFICATIONS: "quotation_mark",
    },
    "emacs": {
        DOWN: "ctrl+n,j,down",
        UP: "ctrl+p,k,up",
        FIELD_DOWN: "ctrl+n,down",
        FIELD_UP: "ctrl+p,up",
        FIRST: "less_than_sign,g,home",
        LAST: "greater_than_sign,G,end",
        PAGE_DOWN: "ctrl+v,pagedown",
        FORWARD: "ctrl+k",
        RIGHT: "ctrl+f,l,right",
        SEEK: "ctrl+s,slash",
        UNDO: "ctrl+underscore,u",
        # Who knows Emacs presses ctrl+g to call a thing off: it must not be what begins a merge.
        BACK: "escape,ctrl+g",
        GO: "ctrl+right_square_bracket",
    },
}
"""What other keyboards and habits press for a gesture, by the setting `keys.layout`."""


def in_layout(name: str) -> dict[str, str]:
    """The keys by id of a layout that differ from the defaults; none for a name that is no layout."""
    moved = LAYOUTS.get(name, {})
    changed = [key for key in KEYS.values() if any(gesture in moved for gesture in key.gestures)]
    return {key.id: ",".join(moved.get(gesture, gesture.keys) for gesture in key.gestures) for key in changed}
