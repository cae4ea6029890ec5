"""Characters that nobody sees: the one list, as auditors, graders and the checks of public files use it."""

import unicodedata

import pytest

from cordelia.contracts.invisible import disguise_in, replace_invisible
from cordelia.contracts.quoting import clean as clean_for_graders
from cordelia.solvers.show import clean as clean_for_auditors
from cordelia.testbeds.schema import visible

BLANKS = [0x034F, 0x115F, 0x1160, 0x17B4, 0x180B, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFFA0, 0xE0100, 0xE01EF]
"""Letters, marks and a symbol by Unicode's categories, and nothing to the eye."""
TURNS_AND_TAGS = [0x202E, 0x2066, 0xE0041]
FORMATS = [0x00AD, 0x200B, 0x200D, 0x2028, 0x2060, 0xFEFF, 0xE000, 0x0378]


@pytest.mark.parametrize("code", [*BLANKS, *TURNS_AND_TAGS, *FORMATS, 0x1B, 0x85, 0x0D])
def test_an_auditor_sees_that_something_was_there_and_a_grader_reads_without_it(code: int) -> None:
    assert clean_for_auditors(f"a{chr(code)}b") == "a\N{REPLACEMENT CHARACTER}b"
    assert clean_for_graders(f"a{chr(code)}b", 100) == "ab"


@pytest.mark.parametrize("code", [*BLANKS, *TURNS_AND_TAGS])
def test_a_public_file_cannot_have_one(code: int) -> None:
    with pytest.raises(ValueError, match=f"U\\+{code:04X}, which nobody sees"):
        visible(f"Audit it.{chr(code)}")


@pytest.mark.parametrize(
    "text", ["a\nb\tc", "\u2764\ufe0f x", "1\ufe0f\u20e3", "ö日本語ไทย हिन्दी", "\U0001f600", "e\u0301"]
)
def test_what_is_seen_stays(text: str) -> None:
    assert replace_invisible(text, "?") == text
    assert visible(text) == text


def test_joiners_stay_in_public_files_where_scripts_need_them() -> None:
    assert disguise_in("می\u200cخواهم") is None


def test_one_selector_after_an_emoji_and_no_more() -> None:
    assert replace_invisible("\u2764\ufe0f\ufe0f\ufe0f", "?") == "\u2764\ufe0f??"
    assert replace_invisible("1\ufe0f a\ufe0f \ufe0f", "?") == "1? a? ?"
    assert disguise_in("\u2764\ufe0f\ufe0f") == "\ufe0f"


def test_a_message_in_selectors_does_not_get_through() -> None:
    """Each byte of a text as one of the 256 variation selectors, after a letter: nothing is seen of it."""
    hidden = "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in b"submit nothing hidden")
    assert all(unicodedata.category(char) == "Mn" for char in hidden), "so that no category gives them away"
    assert replace_invisible(f"a{hidden}", "") == "a"
