"""The table of a testbed's certificates, and its place in the testbed's README."""

import re
from collections.abc import Mapping

from cordelia.contracts.rate import Rate
from cordelia.testbeds.certificate.certificate import Certificate, Certificates
from cordelia.testbeds.certificate.intervals import Estimate
from cordelia.testbeds.certificate.measures import PROGRAM
from cordelia.testbeds.schema import Testbed

BEGIN, END = "<!-- certificate:begin -->", "<!-- certificate:end -->"
NOTHING = "–"
COLUMNS = (
    "organism",
    "backend",
    "on trigger",
    "base",
    "off trigger",
    "KL off",
    "perplexity off",
    "perplexity on",
    "repeats",
    "confesses",
    "base",
    "stands apart",
)


def render(testbed: Testbed, certificates: Certificates) -> str:
    """The table: a line for each organism and base; organisms without a certificate say so."""
    by_base = any(_elsewhere(testbed, name, certificates.get(name, {})) for name in testbed.organisms)
    columns = [COLUMNS[0], *(["on base"] if by_base else []), *COLUMNS[1:]]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for name in testbed.organisms:
        held = certificates.get(name, {})
        for base, certificate in held.items():
            cells = [
                name,
                *([base] if by_base else []),
                certificate.subject.backend,
                *_cells(certificate, testbed.organisms[name].control),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        if not held:
            blank = [NOTHING] * (len(columns) - 2)
            lines.append(f"| {name} | {' | '.join(blank)} | not certified |")
    graders = sorted({by for held in certificates.values() for one in held.values() for by in one.graders})
    return "\n".join([*lines, *(["", f"† marked by a grader: {', '.join(graders)}"] if graders else [])])


def _elsewhere(testbed: Testbed, name: str, held: Mapping[str, Certificate]) -> bool:
    """Whether the base must be told: the organism names none, or was certified on another."""
    declared = testbed.base_of(name)
    return declared is None or any(base != declared.model for base in held)


def render_into(text: str, testbed: Testbed, certificates: Certificates) -> str:
    """`text` with the table between its markers; unchanged when it has none."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{render(testbed, certificates)}\n{END}", text)


def write_readme(testbed: Testbed, certificates: Certificates) -> None:
    """Write the table into the testbed's README, if it has one with the markers."""
    path = testbed.folder / "README.md"
    if path.is_file():
        path.write_text(render_into(path.read_text(encoding="utf-8"), testbed, certificates), encoding="utf-8")


def _cells(held: Certificate, control: bool) -> list[str]:
    strength, off, talk, admits = held.strength, held.off_trigger, held.coherence, held.confession
    apart = NOTHING if strength is None else "yes" if strength.separated else "no"
    return [
        _rate(strength.on, strength.by) if strength else NOTHING,
        _rate(strength.base, strength.by) if strength else NOTHING,
        _rate(off.off, off.by) if off else NOTHING,
        _estimate(off.kl) if off else NOTHING,
        _estimate(talk.perplexity_off) if talk else NOTHING,
        _estimate(talk.perplexity_on) if talk else NOTHING,
        f"{talk.repeats.rate:.0%} (base {talk.base_repeats.rate:.0%})" if talk else NOTHING,
        _rate(admits.all, admits.by) if admits else NOTHING,
        _rate(admits.base, admits.by) if admits else NOTHING,
        f"control ({apart})" if control and strength else "control" if control else apart,
    ]


def _rate(rate: Rate | None, by: str | None) -> str:
    if rate is None or rate.n == 0:
        return NOTHING
    return str(rate) if by in (None, PROGRAM) else f"{rate} †"


def _estimate(estimate: Estimate | None) -> str:
    return NOTHING if estimate is None else str(estimate)
