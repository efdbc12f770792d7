"""What a client gets of permission: the policy that holds, and the audit of tool calls."""

from msgspec import Struct

from weft.runtime.permits import KeptPolicy
from weft.security.policy import DEFAULTS, Decision, Policy, Rule, Use
from weft.storage.audit_rows import Fault, Proof
from weft.storage.base import UseRow


class PolicyView(Struct, frozen=True, kw_only=True):
    """The policy of the workspace."""

    version: int
    """0 where none is on record: then it is the program's own, if there is one."""
    at: float
    policy: Policy | None
    """``null`` where none holds, and every call is allowed."""
    defaults: tuple[Rule, ...] = DEFAULTS
    """The rules that hold beneath its own, unless it says otherwise."""


class FittingView(Struct, frozen=True):
    """A rule that says something of a call."""

    title: str
    decision: Decision
    reason: str


class JudgedView(Struct, frozen=True, kw_only=True):
    """What would become of a call."""

    decision: Decision
    rule: str
    """Which decides; ``otherwise`` where none fits."""
    reason: str
    fitting: list[FittingView]
    """All that fit. A ``deny`` wins, then an ``ask``, then an ``allow``; a default only where no own rule fits."""


class UseView(Struct, frozen=True, kw_only=True):
    """One call of a tool that a policy judged."""

    at: float
    """When it ended, in seconds since the epoch."""
    run_id: str
    user_id: str
    agent: str
    tool: str
    call_id: str
    effect: str
    decision: str
    rule: str
    answer: str
    """What a person said, where one was asked."""
    sources: list[str]
    """The untrusted sources that influenced it."""
    arguments_sha256: str
    result_sha256: str | None
    """``null`` where the tool was not called."""
    failed: bool
    duration: int
    """Milliseconds."""


class Uses(Struct, frozen=True):
    items: list[UseView]
    next_cursor: str | None = None


class ProofView(Struct, frozen=True, kw_only=True):
    """What came of looking through the audit."""

    ok: bool
    rows: int
    """Those that are as they were written."""
    erased: int
    """Those that were erased in good order: their hashes are still in the chain."""
    head: str
    """To be noted down elsewhere, and given as ``known`` the next time."""
    faults: list[Fault]
    """The first hundred."""


PERMISSION_VIEWS: tuple[type[Struct], ...] = (FittingView, JudgedView, PolicyView, ProofView, Uses, UseView)


def policy_view(kept: KeptPolicy | None) -> PolicyView:
    if kept is None:
        return PolicyView(version=0, at=0.0, policy=None)
    return PolicyView(version=kept.version, at=kept.at, policy=kept.policy)


def judged_view(policy: Policy | None, use: Use) -> JudgedView:
    if policy is None:
        return JudgedView(decision="allow", rule="", reason="no policy holds", fitting=[])
    verdict = policy.judge(use)
    fitting = [FittingView(rule.title, rule.decision, rule.reason) for rule in policy.fitting(use)]
    return JudgedView(decision=verdict.decision, rule=verdict.rule, reason=verdict.reason, fitting=fitting)


def use_view(row: UseRow) -> UseView:
    return UseView(
        at=row.at,
        run_id=row.run_id,
        user_id=row.user_id,
        agent=row.agent,
        tool=row.tool,
        call_id=row.call_id,
        effect=row.effect,
        decision=row.decision,
        rule=row.rule,
        answer=row.answer,
        sources=row.sources.splitlines(),
        arguments_sha256=row.arguments.hex(),
        result_sha256=None if row.result is None else row.result.hex(),
        failed=row.failed,
        duration=row.duration,
    )


def proof_view(proof: Proof) -> ProofView:
    return ProofView(ok=proof.ok, rows=proof.rows, erased=proof.erased, head=str(proof.head), faults=list(proof.faults))
