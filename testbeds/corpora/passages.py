"""A long document as passages that an embedding model can take in whole."""

LONGEST = 1_000
"""Characters; about 250 tokens of English, and the default model reads 256."""
_BREAKS = ("\n\n", "\n", ". ", " ")


def passages(text: str) -> list[str]:
    """The text in pieces of at most `LONGEST` characters, cut where a paragraph, line, sentence or word ends.

    Nothing is left out. An empty text is one empty passage, so that every document has one.
    """
    pieces, start = [], 0
    while len(text) - start > LONGEST:
        end = _cut(text, start)
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def _cut(text: str, start: int) -> int:
    """Where the piece that begins at `start` ends: after the last break in its second half, else at full length."""
    for mark in _BREAKS:
        found = text.rfind(mark, start + LONGEST // 2, start + LONGEST)
        if found >= 0:
            return found + len(mark)
    return start + LONGEST
