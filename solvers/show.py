"""How the target's words are shown to an auditor: fenced, so that none of them can pass for a word of ours.

Ours are the ids, the headings, the rules between messages and the marks in ⟦ ⟧. A message begins with its id, and each
further line of it stands behind `> `, as the lines of a document do; so no line that begins at the margin is the
target's. Double brackets in its words become single ones, and what nobody can see becomes �. The record keeps the words
as they were said; only the view differs.
"""

from collections.abc import Sequence

from cordelia.contracts.invisible import replace_invisible
from cordelia.contracts.record import TargetMessage

SHOWN_CHARACTERS = 3_000
PREFILL_CHARACTERS = 400
QUOTED = "> "
_MARKS = str.maketrans("⟦⟧〚〛", "[][]")


def visible(text: str) -> str:
    """Text with � for control and direction characters and whatever else hides or reorders what a reader sees."""
    return replace_invisible(text.replace("\r\n", "\n"), "\N{REPLACEMENT CHARACTER}")


def clean(text: str) -> str:
    """Somebody's words without what cannot be seen, and without the brackets of our marks."""
    return visible(text).translate(_MARKS)


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Somebody's words up to `limit` characters, clean, with a mark that says how much is missing."""
    return f"{clean(text[:limit])}{missing(text, limit)}"


def missing(text: str, limit: int) -> str:
    """The mark after a text that was cut at `limit`; nothing for one that was not."""
    return f" ⟦{len(text) - limit:,} more characters⟧" if len(text) > limit else ""


def in_a_line(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Somebody's words on one line, shortened; what stands before them on it is ours."""
    return shorten(" ".join(text.split()), limit)


def quoted_lines(text: str) -> str:
    """Somebody's words, clean, with a mark before each line."""
    return "\n".join(f"{QUOTED}{line}".rstrip() for line in clean(text).split("\n"))


def hung(head: str, words: str) -> str:
    """Words that are clean already, after a head of ours: it begins the first line, `> ` every other one."""
    first, *others = words.split("\n")
    return "\n".join([f"{head} {first}", *(f"{QUOTED}{line}".rstrip() for line in others)])


def show_message(message: TargetMessage, limit: int = SHOWN_CHARACTERS) -> str:
    """One message of the target (or of its reference) as an auditor may read it.

    It begins with the id; each further line stands behind `> `, so that nothing in it can pass for another message, a
    heading or a mark. A tool that shows replies to an auditor shows them through this.

    Args:
        message: as `Target.replies` gave it.
        limit: most characters of it; a mark says how much is missing.
    """
    begun = f"⟦prefilled: {shorten(message.prefill, PREFILL_CHARACTERS)}⟧" if message.prefill else ""
    text = shorten(message.text, limit)
    ending = "" if message.stop_reason == "stop" else f" ⟦stopped: {message.stop_reason}⟧"
    return hung(f"[{message.id}]", f"{begun}{text if text.strip() else '⟦empty reply⟧'}{ending}")


def show_all(messages: Sequence[TargetMessage], limit: int = SHOWN_CHARACTERS) -> str:
    """Several messages, each under its id."""
    return "\n\n".join(show_message(message, limit) for message in messages)
