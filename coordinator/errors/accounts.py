"""Who you are and what you may do."""

from coordinator.errors.base import AccountError


class Unauthorized(AccountError):
    code = "unauthorized"


class InvalidCredentials(AccountError):
    code = "invalid_credentials"


class TokenExpired(AccountError):
    code = "token_expired"


class TokenRevoked(AccountError):
    code = "token_revoked"


class InvalidToken(AccountError):
    code = "invalid_token"


class Forbidden(AccountError):
    code = "forbidden"


class LoopbackOnly(AccountError):
    code = "loopback_only"


class RegistrationClosed(AccountError):
    code = "registration_closed"


class AccountDisabled(AccountError):
    code = "account_disabled"


class UsernameTaken(AccountError):
    code = "username_taken"


class LastAdmin(AccountError):
    code = "last_admin"


class WeakPassword(AccountError):
    code = "weak_password"


class BusyHashing(AccountError):
    code = "busy_hashing"


class CsrfRefused(AccountError):
    code = "csrf_refused"


class InsecureSite(AccountError):
    code = "insecure_site"


class LinkExpired(AccountError):
    code = "link_expired"
