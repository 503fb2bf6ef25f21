"""Bearer tokens of attempts: HMAC of the attempt's id, so that nothing is stored and an offer can be sent again.

A token opens the files of its attempt while that lives; whether it lives is the database's to say.
"""

import hmac


class AttemptTokens:
    """`secret` is the program's; the key is derived for this purpose alone."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"segfleet attempt token", "sha256")

    def issue(self, attempt_id: str) -> str:
        """The token of an attempt; always the same."""
        return hmac.new(self._key, attempt_id.encode(), "sha256").hexdigest()

    def opens(self, token: str, attempt_id: str) -> bool:
        """Whether this is the attempt's token; constant time."""
        return hmac.compare_digest(self.issue(attempt_id).encode(), token.encode())
