"""Every error the service can show, as one tree of class facts.

    RouterError                       status  code                     falls back
    ├── CallerError                   400     bad_request              no
    │   ├── UnsupportedFeature        400     unsupported_feature      no
    │   ├── ThreadUnsupported         400     thread_unsupported_request  no  (Anthropic's code: its SDKs go on without a thread)
    │   ├── ContextTooLong            400     context_length_exceeded  no   (also a provider's verdict on the request)
    │   ├── ContentFiltered           400     content_filter           no   (a provider's verdict on the request)
    │   ├── Unauthorized              401     invalid_api_key          no
    │   ├── Forbidden                 403     keys_required            no
    │   ├── HostRefused               403     host_not_allowed         no
    │   ├── UnknownModel              404     model_not_found          no
    │   ├── NotFound                  404     not_found                no
    │   ├── MethodNotAllowed          405     method_not_allowed       no
    │   ├── SlowRequest               408     request_timeout          no
    │   ├── BodyTooLarge              413     body_too_large           no
    │   ├── BadMediaType              415     unsupported_media_type   no
    │   ├── HeadTooLarge              431     headers_too_large        no
    │   └── NoCandidate               400     no_candidate             no
    ├── ProviderError                 502     provider_error           yes
    │   ├── ProviderRefused           502     provider_refused         yes  (a 4xx of the provider that is not the caller's)
    │   ├── ProviderRejected          400     provider_rejected        no   (the provider says the request itself is wrong)
    │   ├── ProviderAuth              502     provider_auth_error      yes
    │   ├── ProviderRateLimited       429     rate_limited             yes
    │   ├── ProviderQuota             502     provider_quota           yes
    │   ├── ProviderOverloaded        503     provider_overloaded      yes
    │   ├── ProviderUnreachable       502     provider_unreachable     yes
    │   │   └── NotConnected          502     provider_unreachable     yes  (nothing was sent)
    │   ├── BadAnswer                 502     bad_upstream_body        yes
    │   ├── TruncatedAnswer           502     truncated_answer         yes
    │   └── UnexpectedRedirect        502     unexpected_redirect      yes
    ├── DeadlineExceeded              504     deadline_exceeded        yes  (until the total is spent)
    ├── Overloaded                    503     overloaded               no
    ├── NotReady                      503     not_ready                no
    └── OurBug                        500     internal_error           no

What may not enter: any text that a provider or a caller wrote, unless it went through `shown`.
"""

import re
from typing import ClassVar

_SECRETS = re.compile(r"(?i)(bearer\s+)?(?:sk|rk|pk|key|api|gsk|AIza)[-_A-Za-z0-9]{12,}|[A-Za-z0-9+/_-]{32,}={0,2}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def shown(text: str, limit: int = 300) -> str:
    """`text` of foreign origin made safe to show: one line, bounded, with anything that looks like a credential blanked."""
    return _SECRETS.sub("[redacted]", _CONTROLS.sub(" ", text[: limit * 4])).strip()[:limit]


class RouterError(Exception):
    """An error with facts: `status` for the caller, a stable `code`, an OpenAI-style `type`.

    `should_retry` tells the SDKs whether the same request may succeed soon; None leaves it to what they make of the status.
    `repeatable` is what a provider itself declares about sending it the same request again, None when it does not say.
    """

    status: ClassVar[int] = 500
    code: str = "internal_error"
    type: ClassVar[str] = "server_error"
    falls_back: ClassVar[bool] = False
    should_retry: ClassVar[bool | None] = None
    safe_to_show: ClassVar[bool] = True
    repeatable: bool | None = None

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        if code is not None:
            self.code = code


class CallerError(RouterError):
    """The request itself is wrong; `message` says what to change."""

    should_retry = False
    status = 400
    code = "bad_request"
    type = "invalid_request_error"


class UnsupportedFeature(CallerError):
    """A wish that no candidate can fulfil."""

    code = "unsupported_feature"


class ThreadUnsupported(CallerError):
    """A conversation that the server would have to keep; the code is the one that makes Anthropic's SDKs send it whole."""

    code = "thread_unsupported_request"


class ContextTooLong(CallerError):
    """The prompt does not fit the model's window. `tokens` it has and the `limit`, where they are known: clients shorten by them."""

    code = "context_length_exceeded"

    def __init__(self, message: str, *, param: str | None = None, tokens: int | None = None, limit: int | None = None) -> None:
        super().__init__(message, param=param)
        self.tokens = tokens
        self.limit = limit


class ContentFiltered(CallerError):
    """The provider refuses this content."""

    code = "content_filter"


class NoCandidate(CallerError):
    """No model satisfies the constraints."""

    code = "no_candidate"


class Unauthorized(CallerError):
    """No valid caller key. One text for every way of being wrong."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class Forbidden(CallerError):
    """The caller may not do this from here."""

    status = 403
    code = "keys_required"
    type = "permission_error"


class HostRefused(CallerError):
    """The Host names a service that this is not."""

    status = 403
    code = "host_not_allowed"
    type = "permission_error"


class UnknownModel(CallerError):
    """No model of that name; the message lists near misses."""

    status = 404
    code = "model_not_found"


class NotFound(CallerError):
    """No such path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(CallerError):
    """The path exists, the method does not; `allowed` is what the `allow` header says."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"this path takes {allowed}")
        self.allowed = allowed


class SlowRequest(CallerError):
    """The request took too long to arrive; a network may be the reason, so that the same request may succeed."""

    status = 408
    code = "request_timeout"
    should_retry = True


class BodyTooLarge(CallerError):
    """The body is over `limits.max_body_bytes`."""

    status = 413
    code = "body_too_large"


class BadMediaType(CallerError):
    """The content type is not JSON, or the content encoding is none that we unpack."""

    status = 415
    code = "unsupported_media_type"


class HeadTooLarge(CallerError):
    """The request's head has too many fields or bytes."""

    status = 431
    code = "headers_too_large"


class ProviderError(RouterError):
    """A provider failed."""

    status = 502
    code = "provider_error"
    type = "api_error"
    falls_back = True


class ProviderRefused(ProviderError):
    """A refusal that another provider may not share (no such model, region, billing)."""

    should_retry = False
    code = "provider_refused"


class ProviderRejected(ProviderError):
    """The provider says that the request is malformed: the caller has to change it."""

    should_retry = False
    status = 400
    code = "provider_rejected"
    type = "invalid_request_error"
    falls_back = False


class ProviderAuth(ProviderError):
    """The provider refuses our key; the caller's own key is fine."""

    should_retry = False
    code = "provider_auth_error"


class ProviderRateLimited(ProviderError):
    """The provider's rate limit, which no candidate absorbed."""

    should_retry = True
    status = 429
    code = "rate_limited"
    type = "rate_limit_error"


class ProviderQuota(ProviderError):
    """Our account at the provider is out of credit."""

    should_retry = False
    code = "provider_quota"


class ProviderOverloaded(ProviderError):
    """The provider is overloaded (503, 529)."""

    should_retry = True
    status = 503
    code = "provider_overloaded"
    type = "overloaded_error"


class ProviderUnreachable(ProviderError):
    """No connection, or it broke."""

    code = "provider_unreachable"


class NotConnected(ProviderUnreachable):
    """No connection came about: nothing was sent, so sending it again is safe."""


class BadAnswer(ProviderError):
    """A 200 that is not an answer: HTML, broken JSON, an error object, nothing at all."""

    code = "bad_upstream_body"


class TruncatedAnswer(ProviderError):
    """The answer ended without its terminator."""

    code = "truncated_answer"


class UnexpectedRedirect(ProviderError):
    """A redirect; never followed, since it would carry our key elsewhere."""

    should_retry = False
    code = "unexpected_redirect"


class DeadlineExceeded(ProviderError):
    """A timeout of `timeouts`, named in the message."""

    status = 504
    code = "deadline_exceeded"
    type = "timeout_error"


class Overloaded(RouterError):
    """More calls than `limits` allow."""

    should_retry = True
    status = 503
    code = "overloaded"
    type = "overloaded_error"


class NotReady(RouterError):
    """Starting, draining or misconfigured."""

    should_retry = True
    status = 503
    code = "not_ready"
    type = "overloaded_error"


class OurBug(RouterError):
    """Our own bug; the details are in the service's log, not here."""
