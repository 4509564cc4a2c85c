"""Numbers over the store: what was used, how long it took, how often it worked; and how they leave it.

What is not known is None everywhere, and reads `unknown`. A cost is amp's own figure, or unknown.
"""

from typing import Literal, get_args

Grouping = Literal["day", "mode", "repo", "session", "batch", "host", "tool", "iteration"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
"""What figures are grouped by; here, for a list of commands offers them and reads no store."""

GROUPING_NAMES: dict[Grouping, str] = {by: "repository" if by == "repo" else by for by in GROUPINGS}
"""What people call each grouping."""
