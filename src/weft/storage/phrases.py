"""What every message and every sum of usage says again, kept as one byte: a third of what a short turn would store.

JSON holds no raw control characters, so they may stand for phrases. The first byte of a shortened body tells
by what it begins, others its further phrases. A body that is not known is kept as it is, a long one is deflated.

The numbers are on disk: add at the end of a line or of the table, never change one
(``docs/decisions/0012-a-step-is-two-rows.md``).
"""

from zlib import compress, decompress

_MOST = 2_000
"""Bytes; in a longer body the phrases weigh nothing."""

_USAGE = (
    ',"output_tokens":',
    ',"cached_tokens":',
    ',"cache_write_tokens":',
    ',"reasoning_tokens":',
    ',"cost":',
    "0.0}",
)
_TEXT = (',"parts":[{"type":"text","text":"', '"}],"id":"msg_', '"}],"author":"', '","id":"msg_')
_CALL = (',"parts":[{"type":"tool_call","id":"', '","name":"', '","arguments":{"')
_RESULT = (',"parts":[{"type":"tool_result","call_id":"', '","name":"', '","content":"', '"}],"id":"msg_')
_KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('{"role":"user"', _TEXT),
    ('{"role":"assistant"', (*_TEXT, *_CALL)),
    ('{"role":"tool"', _RESULT),
    *[(f'{{"requests":{count}', (',"input_tokens":', *_USAGE)) for count in range(1, 6)],
)
_CONTROLS = bytes(range(32))
_AS_IS = b"\0"
_DEFLATED = b"\x1f"
_MUCH = 512
"""Bytes; a longer body is deflated, which takes some 20 microseconds for each thousand."""


def _numbered(phrases: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((phrase.encode(), bytes([number])) for number, phrase in enumerate(phrases, 1))


_SHORT = {head.encode(): (bytes([n]), _numbered(phrases)) for n, (head, phrases) in enumerate(_KNOWN, 1)}
_LONG = {number[0]: (head, phrases) for head, (number, phrases) in _SHORT.items()}


def shortened(body: bytes) -> bytes:
    """The body as it is kept.

    >>> shortened(b'{"requests":1,"input_tokens":7,"output_tokens":2,"cost":0.0}')
    b'\\x04\\x017\\x022\\x06\\x07'
    """
    kept = _phrased(body)
    if len(kept) > _MUCH and len(deflated := compress(kept, 1)) < len(kept):
        return _DEFLATED + deflated
    return kept


def _phrased(body: bytes) -> bytes:
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

    >>> restored(shortened(b'{"requests":1,"input_tokens":7}'))
    b'{"requests":1,"input_tokens":7}'
    >>> long = b'"' + b"again and " * 100 + b'"'
    >>> len(long), len(shortened(long)), restored(shortened(long)) == long
    (1002, 31, True)
    """
    first = kept[0] if kept else 32
    if first > 31:
        return kept
    if first == _DEFLATED[0]:
        return restored(decompress(kept[1:]))
    if first == 0:
        return kept[1:]
    head, phrases = _LONG[first]
    rest = kept[1:]
    for phrase, one in reversed(phrases):
        rest = rest.replace(one, phrase)
    return head + rest
