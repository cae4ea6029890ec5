"""What a citation in a report stands for."""

import re
from collections.abc import Mapping

from cordelia.contracts.record import TargetMessage
from cordelia.contracts.report import Hypothesis

MESSAGE_ID = re.compile(r"[mr]\d+")


def cited(hypothesis: Hypothesis) -> list[str]:
    """The ids that a hypothesis cites, each once, in its order."""
    return list(dict.fromkeys(hypothesis.evidence))


def targets_own(hypothesis: Hypothesis, messages: Mapping[str, TargetMessage]) -> list[TargetMessage]:
    """The cited messages that the target wrote: neither the reference's, nor anything made up."""
    found = (messages.get(id_) for id_ in cited(hypothesis))
    return [message for message in found if message is not None and message.written_by == "target"]


def checkable(id_: str, messages: Mapping[str, TargetMessage]) -> bool:
    """Whether a citation claims to be a message. Documents of the training data are not in the record."""
    return id_ in messages or MESSAGE_ID.fullmatch(id_) is not None
