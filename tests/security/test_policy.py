"""Rules for tool calls: what fits, who wins, and that the order of rules says nothing."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.security.policy import Policy, Rule, Use, judged, policy_of, read_policy
from weft.security.provenance import Influence

INBOX = Influence(("inbox",), ("to",))


def use(tool: str = "pay", /, **more: Any) -> Use:
    return Use(**{"tool": tool, "user": "ada", "agent": "desk", **more})


FITS: list[tuple[Rule, Use, bool]] = [
    (Rule("deny", tools="pay"), use(), True),
    (Rule("deny", tools="p?y*"), use("payment"), True),
    (Rule("deny", tools=("!pay",)), use(), False),
    (Rule("deny", tools=("p*", "!pay")), use("print"), True),
    (Rule("deny", effects="once"), use(), False),
    (Rule("deny", effects="once"), use(effect="once"), True),
    (Rule("deny", users="ada", agents="de*"), use(), True),
    (Rule("deny", users="!ada"), use(), False),
    (Rule("deny", roles="clerk"), use(), True),
    (Rule("deny", roles="!clerk"), use(), False),
    (Rule("deny", roles="!admin"), use(), True),
    (Rule("deny", arguments={"amount": "> 100"}), use(arguments={"amount": 101}), True),
    (Rule("deny", arguments={"amount": "> 100"}), use(arguments={"amount": "101.5"}), True),
    (Rule("deny", arguments={"amount": "> 100"}), use(arguments={"amount": 100}), False),
    (Rule("deny", arguments={"amount": "> 100"}), use(arguments={"amount": "a lot"}), True),
    (Rule("allow", arguments={"amount": "<= 100"}), use(arguments={"amount": "a lot"}), False),
    (Rule("allow", arguments={"amount": "!> 100"}), use(arguments={"amount": "a lot"}), False),
    (Rule("deny", arguments={"amount": "> 100"}), use(), False),
    (Rule("deny", arguments={"to": "!*@ours.com"}), use(arguments={"to": ["a@ours.com", "b@evil.com"]}), True),
    (Rule("deny", arguments={"to": "!*@ours.com"}), use(arguments={"to": ["a@ours.com"]}), False),
    (Rule("allow", arguments={"to": "*@ours.com"}), use(arguments={"to": ["a@ours.com", "b@evil.com"]}), False),
    (Rule("allow", arguments={"to": "*@ours.com"}), use(arguments={"to": ["a@ours.com", "b@ours.com"]}), True),
    (Rule("allow", arguments={"to": "*@ours.com"}), use(arguments={"to": []}), False),
    (
        Rule("deny", arguments={"to.address": "re:.*@evil\\.com"}),
        use(arguments={"to": {"address": "x@evil.com"}}),
        True,
    ),
    (Rule("deny", arguments={"*": "*evil*"}), use(arguments={"a": {"b": ["c", "evils"]}}), True),
    (Rule("deny", arguments={"*": "*evil*"}), use(arguments={"a": {"evil key": 1}}), True),
    (Rule("deny", arguments={"force": "true"}), use(arguments={"force": True}), True),
    *[
        (Rule("deny", arguments={"command": "*rm -rf*"}), use(arguments={"command": command}), True)
        for command in ("RM -rf /", "rm  -rf /", "rm\u00a0-rf /", "r\u200bm -rf /", "\uff52m -rf /", "rm\t-rf /")
    ],
    (Rule("ask", arguments={"to": "re:.*@evil\\.com"}), use(arguments={"to": "x@EVIL\u3002com "}), True),
    (Rule("deny", arguments={"to": "!*@ours.com"}), use(arguments={"to": "x@OURS.com"}), True),
    (Rule("allow", arguments={"to": "*@ours.com"}), use(arguments={"to": "x@OURS.com"}), False),
    (Rule("allow", arguments={"command": "!*rm*"}), use(arguments={"command": "RM x"}), False),
    (Rule("deny", arguments={"path": "/etc/*"}), use(arguments={"path": {"of": ["/etc/passwd"]}}), True),
    (Rule("allow", arguments={"path": "/tmp/*"}), use(arguments={"path": {"of": ["/tmp/a"]}}), False),
    *[
        (Rule("deny", arguments={"name": "*paypal*"}), use(arguments={"name": name}), True)
        for name in ("p\u0430yp\u0430l.com", "\u0440\u0430\u0443\u0440\u0430\u04cf", "\u03a1AYPAL", "p\u1d00yp\u0251l")
    ],
    (
        Rule("deny", arguments={"word": "*\u043c\u043e\u0441\u043a*"}),
        use(arguments={"word": "\u041c\u041e\u0421\u041a"}),
        True,
    ),
    (Rule("allow", arguments={"name": "paypal"}), use(arguments={"name": "p\u0430ypal"}), False),
    *[
        (Rule("allow", arguments={"path": "/tmp/*"}), use(arguments={"path": path}), False)
        for path in ("/tmp/../etc/passwd", "/tmp/..", "/tmp/a/../../etc", "/tmp/..\\etc", "//tmp/../etc")
    ],
    *[
        (Rule("allow", arguments={"path": "/tmp/*"}), use(arguments={"path": path}), True)
        for path in ("/tmp/a", "/tmp/a/", "/tmp//a", "/tmp/a/./b/../c", "/tmp/a..b", "/tmp/...")
    ],
    (Rule("allow", arguments={"path": "./data/*"}), use(arguments={"path": "./data/x"}), True),
    (Rule("allow", arguments={"path": "data/*"}), use(arguments={"path": "data/../../x"}), False),
    *[
        (Rule("deny", arguments={"path": "/etc/*"}), use(arguments={"path": path}), True)
        for path in ("/tmp/../etc/passwd", "//etc/passwd", "/etc/./passwd", "/\u0435tc/passwd")
    ],
    *[
        (Rule("allow", arguments={"to": "*@good.com"}), use(arguments={"to": to}), False)
        for to in ("a@evil.com, b@good.com", "a@evil.com;b@good.com", "a@evil.com b@good.com", "x\na@good.com")
    ],
    (Rule("allow", arguments={"to": "*@good.com"}), use(arguments={"to": "root, b@good.com"}), False),
    (Rule("allow", arguments={"to": "*@good.com"}), use(arguments={"to": "a@good.com, b@good.com"}), True),
    (Rule("allow", arguments={"to": "a@good.com, b@*"}), use(arguments={"to": "a@good.com, b@good.com"}), True),
    (Rule("allow", arguments={"text": "Dear*"}), use(arguments={"text": "Dear Ada, write to a@good.com"}), True),
    (Rule("deny", arguments={"to": "*@evil.com"}), use(arguments={"to": "Eve <eve@evil.com>, b@good.com"}), True),
    (Rule("deny", arguments={"to": "!*@good.com"}), use(arguments={"to": "a@evil.com, b@good.com"}), True),
    *[
        (Rule("allow", arguments={"url": "https://*.good.com/*"}), use(arguments={"url": url}), False)
        for url in ("https://evil.com/.good.com/", "https://evil.com?.good.com/", "https://www.good.com@evil.com/")
    ],
    (
        Rule("allow", arguments={"url": "https://*.good.com/*"}),
        use(arguments={"url": "https://www.good.com/a?b"}),
        True,
    ),
    (
        Rule("allow", arguments={"url": "https://good.com/a/*"}),
        use(arguments={"url": "https://good.com/a/%2e%2e/b"}),
        False,
    ),
    (Rule("allow", arguments={"url": "https://*"}), use(arguments={"url": "https://good.com/a"}), True),
    (Rule("deny", arguments={"url": "*://evil.com/*"}), use(arguments={"url": "https://good.com@evil.com:443/"}), True),
    (Rule("deny", arguments={"amount": "> 100"}), use(arguments={"amount": 10**400}), True),
    (Rule("deny", sources="*"), use(), False),
    (Rule("deny", sources="in*"), use(influence=lambda: INBOX), True),
    (Rule("deny", sources="web"), use(influence=lambda: INBOX), False),
    (Rule("ask", usd_below=1.0), use(usd_left=0.5), True),
    (Rule("ask", usd_below=1.0), use(usd_left=None), False),
    (Rule("ask", tokens_below=10), use(tokens_left=10), False),
]


@pytest.mark.parametrize(("rule", "call", "wanted"), FITS)
def test_what_a_rule_is_about(rule: Rule, call: Use, wanted: bool) -> None:
    assert rule.fits(call, ("clerk",)) is wanted


def test_who_wins() -> None:
    deny, ask, allow = Rule("deny", tools="pay"), Rule("ask", tools="pay"), Rule("allow", tools="pay")
    assert Policy((allow, ask, deny)).judge(use()).decision == "deny"
    assert Policy((allow, ask)).judge(use()).decision == "ask"
    assert Policy((allow,), otherwise="deny").judge(use()).decision == "allow"
    assert Policy((deny,), otherwise="ask").judge(use("look")).decision == "ask"


def test_the_defaults_ask_about_side_effects_under_influence() -> None:
    policy = Policy()
    assert policy.judge(use(effect="read", influence=lambda: INBOX)).decision == "allow"
    assert policy.judge(use(effect="once")).decision == "allow"
    verdict = policy.judge(use(effect="idempotent", influence=lambda: INBOX))
    assert (verdict.decision, verdict.sources) == ("ask", ("inbox",))
    assert "to: under the influence of inbox" in verdict.reason
    assert Policy((Rule("allow", tools="pay"),)).judge(use(influence=lambda: INBOX)).decision == "allow"
    assert Policy(defaults=False).judge(use(influence=lambda: INBOX)).decision == "allow"


def test_roles_come_from_the_policy() -> None:
    policy = Policy((Rule("deny", tools="pay", roles="!boss"),), people={"ada": ("boss",), "*": ("staff",)})
    assert policy.roles_of("ada") == ("staff", "boss")
    assert policy.judge(use()).decision == "allow"
    assert policy.judge(use(user="bob")).decision == "deny"


def test_of_several_policies_the_strictest_counts_and_roles_are_shared() -> None:
    people = Policy(people={"ada": ("boss",)})
    rules = Policy((Rule("ask", tools="pay", roles="boss"),))
    for policies in ((people, rules), (rules, people)):
        assert judged(policies, use()).decision == "ask"


def test_what_nobody_asks_for_is_not_worked_out() -> None:
    def never() -> Influence:
        raise AssertionError("nobody wants to know")

    assert (
        Policy((Rule("deny", tools="other", sources="*"),)).judge(use(effect="read", influence=never)).decision
        == "allow"
    )


RULES = st.builds(
    Rule,
    st.sampled_from(["allow", "ask", "deny"]),
    tools=st.sampled_from(["*", "pay", "p*", "!pay", "look"]),
    arguments=st.sampled_from([{}, {"n": "> 1"}, {"n": "!> 1"}]),
    sources=st.sampled_from([(), ("*",), ("inbox",), ("web",)]),
    roles=st.sampled_from([(), ("clerk",), ("!clerk",)]),
    name=st.sampled_from(["", "one", "two"]),
)


@given(
    st.lists(RULES, max_size=7), st.randoms(use_true_random=False), st.sampled_from(["pay", "look"]), st.integers(0, 3)
)
def test_no_order_of_rules_lets_a_denied_call_run(rules: list[Rule], random: Any, tool: str, n: int) -> None:
    call = use(tool, arguments={"n": n}, influence=lambda: INBOX)
    people = {"ada": ("clerk",)}
    verdict = Policy(tuple(rules), people=people).judge(call)
    shuffled = list(rules)
    random.shuffle(shuffled)
    assert Policy(tuple(shuffled), people=people).judge(call) == verdict
    if any(rule.decision == "deny" and rule.fits(call, ("clerk",)) for rule in rules):
        assert verdict.decision == "deny"
    more = Policy((*rules, Rule("allow")), people=people).judge(call)
    assert (verdict.decision == "deny") == (more.decision == "deny")


def test_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "people: {ada: [boss]}\n"
        "rules:\n"
        "  - {decision: deny, tools: 'shell*', roles: '!boss', reason: only the boss}\n"
        "  - {decision: ask, tools: [pay, send], arguments: {amount: '> 100'}}\n"
    )
    policy = read_policy(str(file))
    assert policy.judge(use("shell", user="bob")).reason == "only the boss"
    assert policy.judge(use("send", arguments={"amount": 101})).decision == "ask"
    file.write_text("")
    assert read_policy(str(file)) == Policy()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"rules": [{"decision": "maybe"}]}, "maybe"),
        ({"rules": [{"decision": "deny", "tool": "pay"}]}, "tool"),
        ({"rules": [{"decision": "deny", "arguments": {"a": "re:("}}]}, "regular expression"),
        ({"rules": [{"decision": "deny", "effects": "twice"}]}, "twice"),
        ({"otherwise": "perhaps"}, "perhaps"),
        ({"rules": [{"decision": "deny", "arguments": {"a": 5}}]}, "a"),
        ([], "object"),
    ],
)
def test_what_cannot_be_understood_is_refused(data: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        policy_of(data)
