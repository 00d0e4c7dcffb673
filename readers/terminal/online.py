"""The question to the server before the light, which never keeps anybody waiting."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from readers.contract.wire import CheckAnswer, CheckRequest
from readers.errors import ReadersError
from readers.terminal.server import Server

log = logging.getLogger(__name__)

BEFORE_THE_LIGHT: Final = 0.120
"""Seconds in all, from asking to deciding without an answer."""

AFTER_THE_LIGHT: Final = 2.0
"""Seconds per step when nobody waits for a decision any more."""


class Asker:
    """Asks in threads of its own, so that no slow network holds a reader's thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="question")

    def ask_before_the_light(self, request: CheckRequest, *, now: datetime) -> CheckAnswer | None:
        """The answer, if it comes within :data:`BEFORE_THE_LIGHT`; a later one is thrown away."""
        question = self._threads.submit(
            self._server.check, request, now=now, timeout=BEFORE_THE_LIGHT
        )
        try:
            return question.result(BEFORE_THE_LIGHT)
        except TimeoutError:
            question.cancel()
            log.info("the server did not answer in time")
        except ReadersError as error:
            log.info("the server was not asked: %s", error)
        return None

    def ask_after_the_light(self, request: CheckRequest, *, now: datetime) -> CheckAnswer | None:
        """The same question with more patience, for what does not concern the decision."""
        try:
            return self._server.check(request, now=now, timeout=AFTER_THE_LIGHT)
        except ReadersError as error:
            log.info("the server was not asked: %s", error)
            return None

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
