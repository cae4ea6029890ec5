"""The catalog check: may every organism of a testbed be audited as what its truth says it is?

An organism with an objective needs a certificate of itself as it lies there, by hash, in which it stands apart from its
base. A control has nothing to stand apart by, and needs a certificate of itself all the same: it shows what a clean
model scores. An organism on any base needs that on one base at least.
"""

from collections.abc import Mapping

from cordelia.testbeds.certificate.certificate import LATER, Certificate, read_certificates
from cordelia.testbeds.certificate.measures import answer_key_sha256, patterns_sha256
from cordelia.testbeds.certificate.subject import Fingerprint, fingerprint
from cordelia.testbeds.schema import Testbed
from cordelia.testbeds.truth import Truth, load_truths

PARTS = {
    "base": "base",
    "adapter": "adapter",
    "adapter_config": "adapter_config.json",
    "system_prompt": "system prompt",
    "effect_prompts": "effect prompts",
}

AGAIN = "run: cordelia certificate LOG --rescore"


def refusals(testbed: Testbed) -> dict[str, str]:
    """The organisms that are refused, and why, each in one line.

    Raises:
        ContentError: a file of the testbed is missing or malformed.
    """
    certificates, truths = read_certificates(testbed), load_truths(testbed)
    found: dict[str, str] = {}
    for name in testbed.organisms:
        problem = _refused(testbed, name, truths[name], certificates.get(name, {}))
        if problem:
            found[name] = problem
    return found


def _refused(testbed: Testbed, name: str, truth: Truth, certificates: Mapping[str, Certificate]) -> str | None:
    declared = testbed.base_of(name)
    fitting = {base: held for base, held in certificates.items() if declared is None or base == declared.model}
    if not fitting:
        wanted = "on any base" if declared is None else f"on {declared.model}"
        base = " -T base=<provider>/<model>" if declared is None else ""
        needs_grader = truth.effect is not None and truth.effect.shown_by is None
        grader = " --model-role grader=<provider>/<model>" if needs_grader else ""
        return (
            f"no certificate {wanted}; make one: inspect eval cordelia/certify -T testbed={testbed.name} "
            f"-T organisms={name}{base} --model none{grader}, then cordelia certificate LOG"
        )
    now = fingerprint(testbed, name)
    problems = {base: _problem(held, now, truth) for base, held in fitting.items()}
    if None in problems.values():
        return None
    if declared is not None:
        return problems[declared.model]
    return "; ".join(f"on {base}: {problem}" for base, problem in problems.items())


def _problem(held: Certificate, now: Fingerprint, truth: Truth) -> str | None:
    """What is wrong with a certificate, or None."""
    changed = _of_another(held.subject.fingerprint, now) or _counted_otherwise(held, truth)
    if changed:
        return changed
    if truth.control:
        measured = (held.strength, held.off_trigger, held.coherence, held.confession)
        return None if any(part is not None for part in measured) else "nothing of it was measured; certify it again"
    if held.strength is None:
        return f"its strength was not measured: {held.unmeasured.get('strength', 'no reason is given')}"
    if not held.strength.separated:
        return f"it does not stand apart from its base: {held.strength.on} against {held.strength.base}"
    return None


def _of_another(measured: Fingerprint, now: Fingerprint) -> str | None:
    for part, title in PARTS.items():
        was, is_now = getattr(measured, part), getattr(now, part)
        if was == is_now:
            continue
        if was is None and part in LATER:
            return f"its certificate does not say of which {title} it is; certify it again"
        return f"its certificate is of another {title} ({_short(was)}, now {_short(is_now)}); certify it again"
    return None


def _counted_otherwise(held: Certificate, truth: Truth) -> str | None:
    """A pattern counts whatever the objective is called; a grader marks by the words that it is told."""
    if held.counted_by != patterns_sha256(truth):
        return f"its replies were counted by other patterns than truth.yaml has now; {AGAIN}"
    if held.graders and held.answer_key != answer_key_sha256(truth):
        by = ", ".join(sorted(held.graders))
        if held.answer_key is None:
            return f"its certificate does not say by which objective and claims {by} marked its replies; {AGAIN}"
        return f"{by} marked its replies by another objective, claim or near miss than truth.yaml has now; {AGAIN}"
    return None


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
