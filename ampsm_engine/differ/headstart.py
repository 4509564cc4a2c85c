"""A part of the client: comparisons that are begun before they are asked for, one at a time."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ampsm_engine.differ.review import Review

if TYPE_CHECKING:
    from ampsm_engine.differ.protocol import Request


class HeadStart(ABC):
    """What is ahead of the questions."""

    _ahead: Review | None = None

    def begin(self, request: "Request") -> None:
        """Have a comparison begun that will be opened soon: the process works while the caller loads the rest."""
        self._ahead = self._made(request)
        self._say_open(self._ahead)

    def foresee(self, request: "Request | None") -> None:
        """Have the list and the first patches ready of what may be opened next, and no more; what was ahead is dropped.

        Opening it looks first whether the revisions still are what they were. None, or a live worktree: nothing.
        """
        before, self._ahead = self._ahead, None
        if before is not None:
            self._expect(before)
            before.close()
        if request is not None and request.new is not None:
            review = self._ahead = self._made(request)
            review.is_ahead = True
            self._expect(review)
            self._say_open(review)

    def _begun(self, request: "Request") -> Review:
        """What is ahead, if it is this; else a new one."""
        ahead = self._ahead
        return ahead if ahead is not None and ahead.request == request and not ahead.has_failed else self._made(request)

    def _set_out(self, review: Review) -> None:
        """Have a review opened, or what is ahead of it gone on with."""
        if review is not self._ahead:
            self._say_open(review)
            return
        self._ahead = None
        if review.is_ahead:
            review.is_ahead = False
            self.say("go", review.number)

    @abstractmethod
    def say(self, *message: object) -> None:
        """Send a message."""

    @abstractmethod
    def _made(self, request: "Request") -> Review: ...

    @abstractmethod
    def _say_open(self, review: Review) -> None: ...

    @abstractmethod
    def _expect(self, review: Review) -> None:
        """Take what comes of a review from now on."""
