"""Why a file is refused, as the worker says it: a code of `coordinator.errors.MediaError`, a sentence, numbers."""

from typing import Any


class Refused(Exception):
    """The file is not accepted; `code` is one of the codes of media errors."""

    def __init__(self, code: str, detail: str = "", **params: Any) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail
        self.params = params
