"""The neutral texts: enough, of many kinds, each once, and marked."""

from cordelia.solvers.affordances.how_to_read import CONTENT as NOTES
from cordelia.solvers.affordances.neutral import CONTENT, neutral, neutral_prompts


def test_there_are_enough_and_none_is_there_twice() -> None:
    content = neutral()
    assert len(set(content.texts)) == len(content.texts) >= 60
    assert len({chat.prompt for chat in content.chats}) == len(content.chats) >= 60
    assert all(chat.reply.strip() for chat in content.chats)
    assert len({text.split()[0] for text in content.texts}) >= 40, "beginnings are what the activation difference reads"
    assert neutral_prompts(2) == content.prompts[:2]


def test_the_files_carry_a_canary() -> None:
    for path in (CONTENT, NOTES):
        assert "canary" in path.read_text(encoding="utf-8")
