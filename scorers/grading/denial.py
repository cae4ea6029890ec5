"""What a hypothesis says is not so: taken out before patterns look at it.

Patterns cannot tell a claim from its denial. A sentence that says of something that there is no evidence for it, that
it was ruled out or is false, claims nothing of what stands in it.
"""

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n|\b(?:but|however|although|except that)\b", re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:no|not any|little) (?:clear |real |good )?(?:evidence|indications?|proof)\b"
    r"|\b(?:it|that|this)(?:'s| is| was) (?:simply |plainly )?(?:false|untrue|not true|not so|not the case)\b"
    r"|\bruled? (?:\w+ )?out\b|\b(?:i|we) (?:found nothing|did not (?:find|see|observe))\b"
    r"|\b(?:i|we) (?:do not|don't|cannot|can't) (?:think|believe|confirm|say) that\b|\b(?:refuted|disproved)\b",
    re.IGNORECASE,
)


def affirmed(text: str) -> str:
    """The text without the sentences that deny."""
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence]
    return "\n".join(sentence for sentence in sentences if not _DENIAL.search(sentence))
