"""Letters that look like others: so that what a person would read as a forbidden word is one."""
# ruff: noqa: RUF001 - they are what this is about

import unicodedata

_ALIKE = (
    ("авсԁеһіјкӏмнорԛгѕтуүѵԝх", "abcdehijklmhopqrstyyvwx"),
    ("АВСԀЕԌҺІЈКӀМНОРԚГЅТУҮѴԜХ", "ABCDEGHIJKLMHOPQRSTYYVWX"),
    ("αβγεζηικμνορςτυχωϳ", "abyeznikmvopctuxwj"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    ("ացհոսօզՕՏԼ", "wghnuoqOSL"),
    ("ıȷɑɡɩɪʋᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ijagiivabcdefghjklmnoprstuvwyz"),
    ("ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ", "ABCDEGHJKLMPRSTVWZ"),
    ("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),
    ("⁄∕⧸‐‒–—−∗∶ː՚’‘‚", "///-----*::''',"),
)
"""Cyrillic, Greek, Armenian, Latin, Cherokee, Lisu and strokes, with what they look like in either case: the commonest
of Unicode's confusables.txt (UTS 39)."""
_TABLE = str.maketrans("".join(letters for letters, _ in _ALIKE), "".join(plain for _, plain in _ALIKE))


def folded(text: str) -> str:
    """Text without what a reader does not see, and most programs do not mind: forms of one letter, marks of no width,
    kinds and amounts of space. Letters of other alphabets that look the same stay what they are.

    >>> folded("\uff52m  -rf\u00a0\u200b/")
    'rm -rf /'
    """
    if text.isascii():
        return " ".join(text.split())
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join("".join(shown).replace("\u3002", ".").split())  # a full stop, in the names of hosts too


def alike(text: str) -> str:
    """The same in letters of one alphabet, for other ones that look like them.

    >>> alike("\u0440\u0430\u0443pal")
    'paypal'
    """
    return text if text.isascii() else text.translate(_TABLE)
