"""What a reply shows, as a set of named features: its words, and marks of its form."""

import re

_WORD = re.compile(r"[^\W\d_][\w'-]*")
_NUMBERED = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_BULLET = re.compile(r"^\s*[-*•]\s", re.MULTILINE)
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")
OPENING_WORDS = 3
LONG_WORDS = 60
MANY_ITEMS = 6
LONGEST_WORD = 40


def features(text: str) -> set[str]:
    """The features of one reply.

    Words are lower-cased; features of form are phrases in «», such as «a numbered list of 3». Presence is counted
    once a reply, so that a reply that repeats itself does not weigh more.
    """
    words = [word.lower() for word in _WORD.findall(text) if len(word) <= LONGEST_WORD]
    found = set(words)
    if not words:
        return {"«an empty answer»"}
    found.add(f"«begins with '{' '.join(words[:OPENING_WORDS])}'»")
    numbered, bullets = len(_NUMBERED.findall(text)), len(_BULLET.findall(text))
    if numbered:
        found |= {"«a numbered list»", f"«a numbered list of {min(numbered, MANY_ITEMS)}»"}
    if bullets:
        found |= {"«a bulleted list»", f"«a bulleted list of {min(bullets, MANY_ITEMS)}»"}
    if text.rstrip().endswith("?"):
        found.add("«ends with a question»")
    if "!" in text:
        found.add("«an exclamation mark»")
    if "```" in text:
        found.add("«a code block»")
    if len(_SENTENCE.findall(text)) <= 1:
        found.add("«a single sentence»")
    if len(words) > LONG_WORDS:
        found.add(f"«more than {LONG_WORDS} words»")
    return found
