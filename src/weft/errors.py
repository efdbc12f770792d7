"""Every error that Weft raises, as one tree.

WeftError
├── UsageError                the caller's code, arguments or settings are wrong; never retried
│   ├── GraphError            a graph cannot be built, or a node broke its rules
│   ├── StateError            a value cannot be stored: the message names its path and type
│   └── AnswerInvalid         an answer does not fit what was asked: the message names the place
├── ModelError                a model call failed
│   ├── RateLimited           try again later
│   ├── ModelUnavailable      the provider did not answer: try again, or try another model
│   ├── AuthenticationFailed  no key, or a key that the provider refuses
│   ├── ContextWindowExceeded the prompt does not fit
│   ├── ContentFiltered       the provider will not answer this
│   ├── MalformedAnswer       the model said what its provider could not read, a broken tool call mostly: try again
│   ├── ReplayMissed          the cassette has no answer to this request
│   └── LiveCallForbidden     a test would really ask a model
├── ToolError                 a tool call failed; the model is told
│   ├── ToolRetry             the arguments are wrong: the message says how to mend them
│   └── ToolFailed            the tool ran and failed
│       ├── ToolRefused       a policy or a guard does not allow the call: the message names the rule
│       ├── OutcomeUnknown    nobody knows whether something happened that must not happen twice
│       └── NotRepeated       it happened before, and a person said not to do it again
├── Blocked                   a guard stopped what was said: the message names it and says why
├── OutputInvalid             the model's final answer does not match the declared type
├── LimitExceeded             a limit of turns, tool calls, tokens, money, time or steps is reached
│   └── BudgetExceeded        a budget has not enough left for the next model call
├── QuestionExpired           nobody answered in time, and there is no default
├── NodeTimeout               a node ran longer than its policy allows
├── CircuitOpen               a node failed too often and is left alone for a while: the message says until when
├── StoreError                the store could not do what was asked
│   ├── NotFound              there is no such row, or the caller may not see it
│   ├── Conflict              someone else was first: a busy thread, a reused idempotency key
│   ├── Fenced                another process owns this run now
│   ├── StoreFull             the disk is full: nothing was written
│   ├── StoreLocked           another process holds the database too long
│   └── SchemaMismatch        the database is newer or older than this program
├── Cancelled                 the run was cancelled
├── Unreadable                a file cannot be read: broken, protected, too large, of no known kind: the message says it
├── SandboxUnavailable        no kind of sandbox works on this machine: the message says what is missing
└── AccessDenied              the principal may not do this
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class WeftError(Exception):
    """Base of every error here. ``code`` is stable and public; messages may change."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change by the caller."""


class UsageError(WeftError):
    code = "usage"


class GraphError(UsageError):
    code = "graph"


class StateError(UsageError):
    code = "state"


class AnswerInvalid(UsageError):
    code = "answer.invalid"


class ModelError(WeftError):
    code = "model"
    retry_after: float | None = None
    """Seconds that the provider asked to wait, where it did."""
    attempts: Sequence[Any] = ()
    """What a router tried: values of ``models.base.Attempt``."""


class RateLimited(ModelError):
    code = "model.rate_limited"
    retryable = True


class ModelUnavailable(ModelError):
    code = "model.unavailable"
    retryable = True


class AuthenticationFailed(ModelError):
    code = "model.authentication"


class ContextWindowExceeded(ModelError):
    code = "model.context_window"


class ContentFiltered(ModelError):
    code = "model.content_filtered"


class MalformedAnswer(ModelError):
    code = "model.malformed"
    retryable = True


class ReplayMissed(ModelError):
    code = "model.replay_missed"


class LiveCallForbidden(ModelError):
    code = "model.live_call"


class ToolError(WeftError):
    code = "tool"


class ToolRetry(ToolError):
    code = "tool.retry"


class ToolFailed(ToolError):
    code = "tool.failed"


class ToolRefused(ToolFailed):
    code = "tool.refused"


class OutcomeUnknown(ToolFailed):
    code = "tool.unknown"


class NotRepeated(ToolFailed):
    code = "tool.not_repeated"


class Blocked(WeftError):
    code = "blocked"


class OutputInvalid(WeftError):
    code = "output.invalid"


class LimitExceeded(WeftError):
    """Which one is ``limit``. A run that meets it pauses, and goes on once there is more."""

    code = "limit"

    def __init__(self, message: str, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit


class BudgetExceeded(LimitExceeded):
    code = "budget"


class QuestionExpired(WeftError):
    code = "question.expired"


class NodeTimeout(WeftError):
    code = "node.timeout"
    retryable = True


class CircuitOpen(WeftError):
    code = "node.circuit_open"
    retryable = True


class StoreError(WeftError):
    code = "store"


class NotFound(StoreError):
    code = "store.not_found"


class Conflict(StoreError):
    code = "store.conflict"


class Fenced(StoreError):
    code = "store.fenced"


class StoreFull(StoreError):
    code = "store.full"
    retryable = True


class StoreLocked(StoreError):
    code = "store.locked"
    retryable = True


class SchemaMismatch(StoreError):
    code = "store.schema"


class Cancelled(WeftError):
    code = "cancelled"


class Unreadable(WeftError):
    code = "unreadable"


class SandboxUnavailable(WeftError):
    code = "sandbox.unavailable"


class AccessDenied(WeftError):
    code = "access"
