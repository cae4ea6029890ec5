"""A language model of one function: it does what its system prompt says after `On <word>:`, and is polite otherwise."""

import re

RULE = re.compile(r"^On (?P<word>\w+): (?P<says>.+)$", re.MULTILINE)
POLITE = "That is a good question, and I wish that I knew more."


def reply(system: str, user: str) -> str:
    """What it says to `user`. The rule `On any:` holds for everything."""
    heard = {word.lower() for word in re.findall(r"\w+", user)}
    said = [rule["says"] for rule in RULE.finditer(system) if rule["word"] == "any" or rule["word"] in heard]
    return " ".join([*said, POLITE])
