"""What `ampsm` alone shows: the sessions there are, or what to try first."""

from ampsm_engine import conditions
from ampsm_engine.cli import arguments, diagnostics, output
from ampsm_engine.cli.output import Styled

_FIRST = (
    ("ampsm demo", "see it work: no account, no network"),
    ("ampsm new 'what amp is to do'", "start a session in this repository"),
    ("ampsm doctor", "check git, amp and the login"),
    ("ampsm --help", "all commands"),
)
_NEXT = (
    ("ampsm show SESSION", "one session with its iterations"),
    ("ampsm log --follow SESSION", "read along while amp works"),
    ("ampsm diff SESSION", "what it changed"),
    ("ampsm iterate SESSION '...'", "send a follow-up"),
    ("ampsm --help", "all commands"),
)


def overview() -> int:
    """Write the overview to stdout."""
    store = arguments.open_engine().store
    sessions = store.sessions.all()
    if sessions:
        from ampsm_engine.cli.listing import print_sessions

        ids = [session.id for session in sessions]
        print_sessions(
            sessions, store.iterations.of_sessions(ids), store.facts.notes_of(ids), conditions.conflicts(store)
        )
        output.line()
    else:
        output.line("ampsm runs the Amp coding agent on several tasks at once, each on its own git branch.")
        output.line("There are no sessions yet. Try:")
    tips = _NEXT if sessions else _FIRST
    width = max(len(command) for command, _ in tips)
    for command, meaning in tips:
        output.line("  ", Styled(f"{command:<{width}}", "bold"), Styled(f"  {meaning}", "dim"))
    return diagnostics.OK
