"""The ways the scripted amp stops early: refused like the real one, told to by its scenario, or confused by it."""


class Refusal(Exception):
    """What the real program says on stderr before it exits with 1 and no stream."""


class ScenarioError(Exception):
    """The scenario itself is wrong: said loudly and with an exit code of its own, so that no test takes it for amp."""


class Over(Exception):
    """The scenario ends here, with this exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


SCENARIO_ERROR = 70
