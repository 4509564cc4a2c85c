"""A session that can be merged."""

import pytest

from tests.git.integrate.benches import LINES, Bench
from tests.git.sandboxes import Sandbox


@pytest.fixture
def bench(sandbox: Sandbox) -> Bench:
    sandbox.commit({"a.txt": LINES, "b.txt": LINES, "d/one": "1\n", "d/two": "2\n"}, "Ground")
    return Bench(sandbox, sandbox.session())
