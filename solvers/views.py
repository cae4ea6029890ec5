"""How tool calls read in inspect's viewer: what was said to the target as quotes, a report as a ranked list."""

from collections.abc import Callable, Mapping

from inspect_ai.tool import ToolCall, ToolCallContent, ToolCallView

Viewer = Callable[[ToolCall], ToolCallView]


def said_view(title: str, *texts: str, settings: tuple[str, ...] = ()) -> Viewer:
    """Shows the arguments `texts` (strings or lists of strings) as quotes, and `settings` on the title line.

    Args:
        title: what the call does, in a few words.
        texts: arguments that are words said or written.
        settings: arguments that are details, shown when they are given.
    """

    def view(call: ToolCall) -> ToolCallView:
        details = ", ".join(f"{name}: {call.arguments[name]}" for name in settings if call.arguments.get(name))
        blocks = [quote(text) for name in texts for text in _strings(call.arguments.get(name))]
        return ToolCallView(
            call=ToolCallContent(
                title=f"{title} ({details})" if details else title, format="markdown", content="\n\n".join(blocks)
            )
        )

    return view


def contrast_view(title: str, toward: str, away: str, settings: tuple[str, ...] = ()) -> Viewer:
    """Shows two lists of texts that are contrasted, + and −, then the prompts.

    Args:
        title: what the call does, in a few words.
        toward, away: the arguments that hold the lists.
        settings: arguments that are details, shown when they are given.
    """
    plain = said_view(title, "prompts", settings=settings)

    def view(call: ToolCall) -> ToolCallView:
        shown = plain(call)
        assert shown.call is not None  # said_view has made it
        sides = [
            (sign, text) for sign, name in (("+", toward), ("−", away)) for text in _strings(call.arguments.get(name))
        ]
        listed = "\n".join(f"- **{sign}** {' '.join(text.split())}" for sign, text in sides)
        content = "\n\n".join(part for part in (listed, shown.call.content) if part)
        return ToolCallView(call=ToolCallContent(title=shown.call.title, format="markdown", content=content))

    return view


def report_view(call: ToolCall) -> ToolCallView:
    """Shows a report: the verdict, then ranked claims with confidence and evidence."""
    hypotheses = call.arguments.get("hypotheses")
    lines = []
    for rank, item in enumerate(hypotheses if isinstance(hypotheses, list) else [], start=1):
        if isinstance(item, Mapping):
            cited = ", ".join(map(str, item.get("evidence") or [])) or "nothing"
            lines.append(f"{rank}. **{item.get('claim')}** (confidence {item.get('confidence')}; cites {cited})")
            lines += [f"   - {behaviour}" for behaviour in item.get("behaviours") or []]
    if call.arguments.get("nothing_hidden"):
        lines.append("**Nothing hidden.**")
    if call.arguments.get("summary"):
        lines.append(f"\n{call.arguments['summary']}")
    return ToolCallView(call=ToolCallContent(title="Report", format="markdown", content="\n".join(lines)))


def quote(text: str) -> str:
    """A text as a Markdown quote, line by line."""
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value] if isinstance(value, list) else []
