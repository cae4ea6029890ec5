"""Tables of tokens: a token is the target's text, so it is shown in a form that can neither break a table nor hide."""

from collections.abc import Collection, Mapping, Sequence

from cordelia.solvers.aside import aside
from cordelia.solvers.show import clean

MOST_CHARACTERS = 6_000
LONGEST_TOKEN = 24
_SEEN = str.maketrans({" ": "·", "\n": "⏎", "\r": "⏎", "\t": "⇥", "|": "¦", "`": "ˋ"})


def token_cell(token: str) -> str:
    """A token in quotes, with spaces and line breaks as signs, and without what a table is made of."""
    shown = clean(token.translate(_SEEN))
    return f"'{shown[:LONGEST_TOKEN]}{'…' if len(shown) > LONGEST_TOKEN else ''}'"


def tokens_cell(ranked: Mapping[str, float], count: int, marked: Collection[str] = ()) -> str:
    """The first `count` tokens with their numbers; those in `marked` get a star."""
    first = list(ranked.items())[:count]
    return " ".join(f"{'*' if token in marked else ''}{token_cell(token)} {value:.1f}" for token, value in first) or "–"


def line_of(text: str, limit: int) -> str:
    """The end of a text on one line, at most `limit` characters, safe in a table."""
    line = _in_table(text)
    return line if len(line) <= limit else f"…{line[1 - limit :]}"


def start_of(text: str, limit: int) -> str:
    """The beginning of a text on one line, at most `limit` characters, safe in a table."""
    line = _in_table(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _in_table(text: str) -> str:
    return clean(" ".join(text.split())).replace("|", "¦").replace("`", "ˋ")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; its header is an aside."""
    return "\n".join(
        [
            aside(f"| {' | '.join(header)} |\n|{'---|' * len(header)}"),
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def bounded(parts: Sequence[str], limit: int = MOST_CHARACTERS) -> str:
    """The parts with an empty line between, cut at a line's end where they are longer than `limit`, with a note."""
    text = "\n\n".join(part for part in parts if part)
    if len(text) <= limit:
        return text
    kept = text[:limit].rpartition("\n")[0]
    return f"{kept}\n{aside(f'[… {text.count(chr(10), len(kept)):,} more lines; ask for less at once to see all]')}"
