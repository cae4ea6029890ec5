"""Characters that nobody sees and a model reads: the one list, for auditors' eyes, graders' quotes and public files.

Unicode calls some of them controls, formats, private or unassigned, and hides the rest among letters and marks: fillers
of Hangul, variation selectors (two ranges of them hold any text, byte by byte), the joiner of graphemes, the blank
Braille cell. One use stays: U+FE0F right after an emoji, or in a keycap, which only chooses its colours.
"""

import re
import unicodedata
from functools import cache

KEPT_CONTROLS = "\n\t"
_LINE_BREAKS = frozenset({"Zl", "Zp"})
_BLANK = frozenset(
    map(
        chr,
        (
            0x034F,  # combining grapheme joiner
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # fillers of Hangul
            *(0x17B4, 0x17B5),  # inherent vowels of Khmer
            *(0x180B, 0x180C, 0x180D, 0x180F),  # variation selectors of Mongolian
            0x2800,  # a Braille cell without dots
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0100, 0xE01F0),
        ),
    )
)
_TURNS_AND_TAGS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080))))
_EMOJI = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_STYLE = "\ufe0f"
_IN_USE = rf"(?<={_EMOJI}){_STYLE}|(?<=[#*0-9]){_STYLE}(?=\u20e3)"
_STYLE_IN_USE = re.compile(_IN_USE)
_STYLE_ASTRAY = re.compile(rf"(?!{_IN_USE}){_STYLE}")


def replace_invisible(text: str, mark: str) -> str:
    """`text` with `mark` (which may be empty) in the place of every invisible character; line breaks and tabs stay."""
    return _STYLE_ASTRAY.sub(mark, text).translate(_table(mark))


def disguise_in(text: str) -> str | None:
    """The first character of a text that nothing but a disguise has a use for, or None.

    Those that turn the direction of writing, tags and blanks are. Joiners are not: scripts need them.
    """
    rest = _STYLE_IN_USE.sub("", text)
    return next((char for char in rest if char in _TURNS_AND_TAGS or char in _BLANK), None)


class _Shown(dict[int, str]):
    """Each character as it is shown; a table for `str.translate` that fills itself."""

    def __init__(self, mark: str) -> None:
        super().__init__({ord(_STYLE): _STYLE})  # those astray are gone by then
        self._mark = mark

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = shown = self._mark if _invisible(char) else char
        return shown


def _invisible(char: str) -> bool:
    category = unicodedata.category(char)
    hidden = category.startswith("C") or category in _LINE_BREAKS or char in _BLANK
    return hidden and char not in KEPT_CONTROLS


@cache
def _table(mark: str) -> _Shown:
    return _Shown(mark)
