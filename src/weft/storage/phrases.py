"""What every event and message says again, kept as one byte: half of what a short turn would store.

JSON holds no raw control characters, so they may stand for phrases. The first byte of a shortened body tells
by what it begins, others its further phrases. A body that is not known, or long, is kept as it is.

The numbers are on disk: add at the end of a line or of the table, never change one
(``docs/decisions/0012-a-step-is-two-rows.md``).
"""

_MOST = 2_000
"""Bytes; in a longer body the phrases weigh nothing."""

_USAGE = ('","usage":{"requests":1,"input_tokens":', ',"output_tokens":', ',"cached_tokens":', ',"cost":0.0}')
_TEXT = (',"parts":[{"type":"text","text":"', '"}],"id":"msg_', '"}],"author":"', '","id":"msg_')
_CALL = (',"parts":[{"type":"tool_call","id":"', '","name":"', '","arguments":{"')
_RESULT = (',"parts":[{"type":"tool_result","call_id":"', '","name":"', '","content":"', '"}],"id":"msg_')
_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('{"type":"run.started"', (',"target":"',)),
    ('{"type":"run.finished"', ()),
    ('{"type":"node.finished"', (',"node":"', '","started_at":', ',"attempt":')),
    ('{"type":"model.finished"', (',"model":"', *_USAGE, '},"started_at":', ',"first_piece_at":', ',"started_at":')),
    ('{"type":"tool.finished"', (',"call_id":"', '","name":"', '","started_at":')),
    ('{"type":"message.added"', (',"seq":',)),
    ('{"type":"step.committed"', (',"step":', ',"changed":["')),
    ('{"role":"user"', _TEXT),
    ('{"role":"assistant"', (*_TEXT, *_CALL)),
    ('{"role":"tool"', _RESULT),
)
_CONTROLS = bytes(range(32))
_AS_IS = b"\0"


def _numbered(phrases: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((phrase.encode(), bytes([number])) for number, phrase in enumerate(phrases, 1))


_SHORT = {head.encode(): (bytes([n]), _numbered(phrases)) for n, (head, phrases) in enumerate(_KNOWN, 1)}
_LONG = {number[0]: (head, phrases) for head, (number, phrases) in _SHORT.items()}


def shortened(body: bytes) -> bytes:
    """The body as it is kept.

    >>> shortened(b'{"type":"message.added","seq":7}')
    b'\\x06\\x017}'
    """
    end = body.find(b",")
    head = body[:end]
    known = _SHORT.get(head)
    if known is None:
        return body if body[:1] > b"\x1f" else _AS_IS + body
    if len(body) > _MOST or len(body.translate(None, _CONTROLS)) != len(body):
        return body
    number, phrases = known
    rest = body[len(head) :]
    for phrase, one in phrases:
        rest = rest.replace(phrase, one)
    return number + rest


def restored(kept: bytes) -> bytes:
    """The body as it was.

    >>> restored(shortened(b'{"type":"run.finished"}'))
    b'{"type":"run.finished"}'
    """
    first = kept[0] if kept else 32
    if first > 31:
        return kept
    if first == 0:
        return kept[1:]
    head, phrases = _LONG[first]
    rest = kept[1:]
    for phrase, one in reversed(phrases):
        rest = rest.replace(one, phrase)
    return head + rest
