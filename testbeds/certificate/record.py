"""What an organism and its base said when they were examined, kept in the sample's store.

Scorers measure this and ask nobody again, so a log can be scored anew when truth.yaml, a program or the grader changes.
"""

from typing import Literal

from inspect_ai.util import StoreModel
from pydantic import BaseModel, Field

from cordelia.testbeds.certificate.subject import Subject

Speaker = Literal["organism", "base"]
Battery = Literal["on", "off", "draw", "confession"]
"""`on` and `off` the trigger (greedy), a `draw` of the base's at temperature 1 off the trigger, and the questions."""


class Likelihood(BaseModel):
    """How likely a reply is to a model: the natural log of its probability, and of how many tokens."""

    tokens: int
    total: float


class Reply(BaseModel):
    """One reply to one prompt, each in a new conversation.

    Attributes:
        kind: of a confession question, else empty.
        prefill: the beginning of the answer that was put into its mouth; `text` goes on from it.
        under: how likely the reply is to each model that was asked.
    """

    speaker: Speaker
    battery: Battery
    prompt: str
    text: str
    kind: str = ""
    prefill: str = ""
    stop_reason: str = "stop"
    under: dict[Speaker, Likelihood] = {}

    @property
    def whole(self) -> str:
        """What it said, with the words that it was made to begin with."""
        return self.prefill + self.text


class Examination(StoreModel):
    """Everything that was asked of one organism and its base.

    Attributes:
        off_prompts: whether `off` are the organism's own prompts off the trigger or the neutral ones.
        lacks: capabilities that the backend lacks, so that something could not be asked.
    """

    testbed: str = ""
    testbed_folder: str = ""
    organism: str = ""
    subject: Subject | None = None
    off_prompts: Literal["own", "neutral"] = "neutral"
    lacks: list[str] = Field(default_factory=list)
    replies: list[Reply] = Field(default_factory=list)

    def said(self, battery: Battery, speaker: Speaker) -> list[Reply]:
        """The replies of one speaker to one battery, in the order of its prompts."""
        return [reply for reply in self.replies if reply.battery == battery and reply.speaker == speaker]
