"""Record the moving picture of the README from the real app: the demo's sessions, a frame a step, in one SVG.

    python scripts/record_tour.py snapshots/tour.svg

The demo runs to its end first, with its scripted amp at a hundred times its speed. The SVG shows its frames one after
the other by itself (CSS), also where an address is embedded as a picture and no script may run.
"""

import asyncio
import html
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.cli.demo import DemoFolder, DemoRun, await_workers, demo_environment
from ampsm_engine.demo import plan
from ampsm_engine.engine import startup
from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZE = (112, 30)
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """Keys, a word that shows that they have done their work, and how long their frame stands."""

    keys: tuple[str, ...]
    word: str
    seconds: float


STEPS = (
    Step((), "Refunds count as costs", 3.0),
    Step(("slash", *"refunds", "enter"), "Refunds count as costs", 1.0),
    Step(("v",), "money.py", 3.0),
    Step(("right_square_bracket",), "money.py", 1.2),
    Step(("t",), "viewed", 1.5),
    Step(("c", *"Name the cents"), "Name the cents", 1.8),
    Step(("ctrl+g",), "money.py", 1.5),
    Step(("m",), "enter  send", 3.0),
    Step(("escape", "q", "y"), "DOING", 1.0),
    Step(("slash", "ctrl+u", *"modules", "enter"), "Document the modules", 1.0),
    Step(("M",), "All is well", 3.0),
    Step(("enter",), "What will happen", 3.5),
)


async def frames() -> list[tuple[str, float]]:
    """The SVG of each step and its seconds."""
    taken = []
    engine = startup.open_engine()
    app = AmpsmApp(engine, follow(engine.store), settings=engine.settings, board=engine.store.sessions.board())
    try:
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            for step in STEPS:
                await pilot.press(*step.keys)
                await shown(pilot, step.word)
                taken.append((app.export_screenshot(title="ampsm"), step.seconds))
    finally:
        app.close()
    return taken


async def shown(pilot: "Pilot[int]", word: str) -> None:
    """Wait until a word is on the screen, and everything beside it has come, too."""
    text = ""
    try:
        async with asyncio.timeout(PATIENCE):
            while word not in text:
                await pilot.pause(0.05)
                text = html.unescape(" ".join(re.findall("<text[^>]*>([^<]*)</text>", pilot.app.export_screenshot())))
                text = text.replace("\xa0", " ")
    except TimeoutError:
        sys.exit(f"{word!r} did not come to the screen: {text}")
    await pilot.pause(0.6)


def moving(taken: list[tuple[str, float]]) -> str:
    """One SVG of many that shows each for its time, over and over."""
    whole = sum(seconds for _, seconds in taken)
    begun, groups, rules = 0.0, [], []
    for number, (svg, seconds) in enumerate(taken):
        body = re.sub(r"terminal-\d+", f"frame{number}", svg)
        body = body[body.index(">", body.index("<svg")) + 1 : body.rindex("</svg>")]
        start, end = 100 * begun / whole, 100 * (begun + seconds) / whole
        rules.append(
            f"@keyframes show{number} {{ 0% {{ opacity: 0 }} {start:.3f}% {{ opacity: 1 }} {end:.3f}% {{ opacity: 0 }}"
            f" 100% {{ opacity: 0 }} }} #shot{number} {{ opacity: 0;"
            f" animation: show{number} {whole:.1f}s step-end infinite }}"
        )
        groups.append(f'<g id="shot{number}">{body}</g>')
        begun += seconds
    box = re.search(r'viewBox="([^"]*)"', taken[0][0])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box[1] if box else "0 0 1400 900"}">'
    return f"{head}<style>{' '.join(rules)}</style>{''.join(groups)}</svg>\n"


def main(target: Path) -> None:
    """Run the demo, take the frames, write the picture."""
    # As where ampsm is installed: a prompt that names the program shows its name, and no folder of this machine.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        stage = DemoFolder(Path(folder), made=False)
        with demo_environment(stage, 100):
            stage.build()
            play = DemoRun()
            play.engine = startup.open_engine()
            play.begin(stage, plan())
            play.until_over()
            await_workers(play.engine)
            target.write_text(moving(asyncio.run(frames())), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
