"""Is B better than A? Paired by organism, in each testbed, version and split by itself; never pooled.

Two sets of audits are compared only when they mean the same: same version, truth, grader, threshold and base, and one
way of auditing on each side (or several that both sides have, each against its like).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.scoreboard.columns import AUDITS
from cordelia.scoreboard.comparison import COSTS, Comparison, Side
from cordelia.scoreboard.headline import headline_measure, organisms_of
from cordelia.scoreboard.measures import MEASURES, Measure, Values, measure_of, missing_in, values_of
from cordelia.scoreboard.statistics import corrected, paired
from cordelia.scoreboard.terms import GROUP, WAY, WORDS, apart, mixed, terms_of

FILTERS = (*WAY, "testbed", "testbed_version", "split", "sweep", "run_id", "grader", "base", "backend")
HALVES = ("by_demonstration", "by_extraction")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """All comparisons, and what stands in one of the two alone and was left out, in words."""

    comparisons: list[Comparison]
    left_out: list[str]


@dataclass(frozen=True)
class _Scale:
    """A measure, and the organisms that have it where not all do (those with a hidden prompt)."""

    measure: Measure
    having: frozenset[str]

    def values(self, frame: pl.DataFrame, missing: float = 0.0) -> Values:
        return values_of(frame, self.measure, missing, self.having)


def compare(a: pl.DataFrame, b: pl.DataFrame, metric: str | None = None) -> Result:
    """B against A wherever both have audits.

    Args:
        a, b: frames (`scoreboard.columns`).
        metric: one of `MEASURES`; None for what counts in each group (`headline_measure`).

    Raises:
        CordeliaError: there is nothing in common, or it cannot be compared: says what differs, with both values.
    """
    asked = None if metric is None else measure_of(metric)
    comparisons: list[Comparison] = []
    left_out: list[str] = []
    unpaired: list[str] = []
    for group in _shared_groups(a, b, left_out):
        first, second = _within(a, GROUP, group), _within(b, GROUP, group)
        scale = _scale(asked, pl.concat([first, second]))
        _check_terms(first, second, " ".join(group))
        for way, one, other in _shared_ways(first, second, " ".join(group), left_out):
            if nothing := _nothing_shared(one, other, scale, " ".join(group)):
                unpaired.append(nothing)
                continue
            comparisons.append(_compared(group, way, one, other, scale))
            left_out += _alone(one, other, scale, " ".join(group))
    if not comparisons:
        raise CordeliaError(" ".join(f"{each}." for each in unpaired))
    return Result(_corrected(comparisons), list(dict.fromkeys(left_out + unpaired)))


def _scale(asked: Measure | None, group: pl.DataFrame) -> _Scale:
    """What a group is compared by: what was asked for, else what counts in it."""
    measure = asked or measure_of(headline_measure(group))
    return _Scale(measure, organisms_of(group, "by_demonstration") if measure.column in HALVES else frozenset())


def _corrected(comparisons: list[Comparison]) -> list[Comparison]:
    """The comparisons, of several with p corrected: of what was found, and of its bounds."""
    if len(comparisons) == 1:
        return comparisons
    found = corrected([each.difference for each in comparisons])
    least = corrected([each.least or each.difference for each in comparisons])
    most = corrected([each.most or each.difference for each in comparisons])
    made = [
        each.model_copy(
            update={
                "difference": found[place],
                "least": each.least and least[place],
                "most": each.most and most[place],
                "compared": sum(of.p is not None for of in found) or 1,
            }
        )
        for place, each in enumerate(comparisons)
    ]
    claimed = [each.model_copy(update={"everywhere": True}) for each in made]
    return claimed if all(each.verdict == "better" for each in claimed) else made


def only(frame: pl.DataFrame, wanted: Mapping[str, str], side: str) -> pl.DataFrame:
    """The audits whose columns are as wanted. `auditor` may be given with its arguments: `baseline arms=battery`.

    Raises:
        CordeliaError: an unknown column, or a value that no audit has.
    """
    for column, value in wanted.items():
        if column not in FILTERS or column not in AUDITS:
            raise unknown_name("column to choose by", column, FILTERS)
        texts = [_text(each) for each in frame[column]]
        if column == "auditor":
            whole = [auditor_call(name, args) for name, args in frame.select("auditor", "auditor_args").iter_rows()]
            kept = [value in pair for pair in zip(texts, whole, strict=True)]
            texts = [*texts, *whole]
        else:
            kept = [each == value for each in texts]
        if not any(kept):
            raise unknown_name(column.replace("_", " "), value, set(texts), side)
        frame = frame.filter(pl.Series(kept))
    return frame


def auditor_call(auditor: str, arguments: str) -> str:
    """`baseline arms=battery`: an auditor and the arguments (JSON) that it was given."""
    given: object = json.loads(arguments or "{}")
    said = given.items() if isinstance(given, dict) else []
    return " ".join([auditor, *(f"{key}={_value(value)}" for key, value in said)])


def ways_of(frame: pl.DataFrame) -> list[str]:
    """Who audited and with what, a line each; with which prompts where there are several."""
    told = pl.lit("") if frame["content_sha256"].n_unique() < 2 else pl.format(" · prompts {}", "content_sha256")
    rows = frame.select("auditor", "auditor_args", "auditor_model", "affordance_set", told.alias("prompts"))
    return [
        f"{auditor_call(name, args)} · {given} · {model}{prompts}"
        for name, args, model, given, prompts in rows.unique().sort(pl.all()).iter_rows()
    ]


def _shared_groups(a: pl.DataFrame, b: pl.DataFrame, left_out: list[str]) -> list[Key]:
    first, second = ({tuple(map(str, row)) for row in frame.select(GROUP).iter_rows()} for frame in (a, b))
    shared = sorted(first & second)
    if not shared:
        raise CordeliaError(f"A and B have nothing in common to compare: {_no_group(first, second)}.")
    for side, rest in (("A", first - second), ("B", second - first)):
        left_out += [f"{' '.join(group)} in {side} alone" for group in sorted(rest)]
    return shared


def _no_group(first: set[Key], second: set[Key]) -> str:
    """Which of testbed, version and split keeps two piles apart, with both values."""
    for depth, word in enumerate(("testbed", "version of the testbed", "split"), start=1):
        ours, theirs = ({group[:depth] for group in side} for side in (first, second))
        if not ours & theirs:
            told = [", ".join(" ".join(group) for group in sorted(side)) or "nothing" for side in (ours, theirs)]
            return f"another {word}: A has {told[0]}, B has {told[1]}"
    return "no group of testbed, version and split is in both"


def _check_terms(a: pl.DataFrame, b: pl.DataFrame, where: str) -> None:
    first, second = terms_of(a), terms_of(b)
    for side, terms in (("A", first), ("B", second)):
        if found := mixed(terms):
            raise CordeliaError(f"{side} mixes what cannot be compared in {where}: {'; '.join(found)}.")
    if differing := apart(first, second):
        told = "; ".join(f"{name}: A has {one}, B has {other}" for name, (one, other) in differing.items())
        raise CordeliaError(f"A and B cannot be compared in {where}: {told}. Rescore one of them, or run it again.")


def _shared_ways(
    a: pl.DataFrame, b: pl.DataFrame, where: str, left_out: list[str]
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """The pairs of one way of auditing on each side: their like where a side has several."""
    varying = [column for column in WAY if max(_count(a, column), _count(b, column)) > 1]
    if not varying:
        yield "", a, b
        return
    first, second = _keys(a, varying), _keys(b, varying)
    if not first & second:
        told = [" | ".join(_told(varying, key) for key in sorted(side)) for side in (first, second)]
        raise CordeliaError(
            f"In {where} A audits with {told[0]}, and B with {told[1]}. Choose one of each with --set-a and --set-b, "
            "--auditor-a and --auditor-b, or --only-a and --only-b COLUMN=VALUE. "
            f"They differ in the columns {', '.join(varying)}."
        )
    for side, rest in (("A", first - second), ("B", second - first)):
        left_out += [f"{_told(varying, key)} of {where} in {side} alone" for key in sorted(rest)]
    for key in sorted(first & second):
        yield _told(varying, key), _within(a, varying, key), _within(b, varying, key)


def _compared(group: Key, way: str, a: pl.DataFrame, b: pl.DataFrame, scale: _Scale) -> Comparison:
    measure = scale.measure
    first, second = scale.values(a), scale.values(b)
    difference = paired(first, second)
    assert difference is not None, "what shares no organism was left out"
    shared = [name for name in first if name in second]
    a, b = (frame.filter(pl.col("organism").is_in(shared) | pl.col("control")) for frame in (a, b))
    alarms = [values_of(frame, MEASURES["false_positive"]) for frame in (a, b)]
    controls = [name for name in alarms[0] if name in alarms[1]]
    some_missing = missing_in(a, measure) + missing_in(b, measure) > 0
    bad, good = (0.0, 1.0) if not measure.lower_is_better else (1.0, 0.0)
    return Comparison(
        testbed=group[0],
        testbed_version=group[1],
        split=group[2],
        way=way,
        metric=measure.column,
        organisms=shared,
        controls=controls,
        a=_side(a, measure, first, shared, controls),
        b=_side(b, measure, second, shared, controls),
        difference=difference,
        least=paired(scale.values(a, good), scale.values(b, bad)) if some_missing else None,
        most=paired(scale.values(a, bad), scale.values(b, good)) if some_missing else None,
    )


def _nothing_shared(a: pl.DataFrame, b: pl.DataFrame, scale: _Scale, where: str) -> str:
    """Why two sets of audits cannot be paired; empty where they can."""
    first, second = scale.values(a), scale.values(b)
    if set(first) & set(second):
        return ""
    what = "control" if scale.measure.controls else "organism"
    told = [", ".join(values) or "none" for values in (first, second)]
    return f"A and B share no {what} of {where} with {scale.measure.column}: A has {told[0]}; B has {told[1]}"


def _alone(a: pl.DataFrame, b: pl.DataFrame, scale: _Scale, where: str) -> list[str]:
    first, second = scale.values(a), scale.values(b)
    alone = {"A": [name for name in first if name not in second], "B": [name for name in second if name not in first]}
    told = [f"{', '.join(names)} of {where} in {side} alone" for side, names in alone.items() if names]
    others = {name for frame in (a, b) for name in frame.filter(~pl.col("control"))["organism"]} - scale.having
    if scale.having and others:
        told.append(f"{', '.join(sorted(others))} of {where}, which have no hidden prompt (--metric objective_found)")
    return told


def _side(
    frame: pl.DataFrame, measure: Measure, values: Values, shared: Sequence[str], controls: Sequence[str]
) -> Side:
    audits = frame.filter(pl.col("organism").is_in([*shared, *controls]))
    measured = audits.filter(pl.col("organism").is_in(shared))
    alarm = MEASURES["false_positive"]
    alarms = [_mean_of_means(values_of(audits, alarm, missing), controls) for missing in (0.0, 1.0) if controls]
    costs = {name: audits[name].mean() for name in COSTS}
    return Side(
        value=round(_mean_of_means(values, shared), 4),
        runs=measured.height,
        missing=missing_in(measured, measure),
        false_positive=round(alarms[0], 4) if controls else None,
        false_positive_at_most=round(alarms[1], 4) if controls else None,
        control_runs=audits.filter("control").height,
        control_missing=missing_in(audits, alarm),
        costs={name: float(cost) for name, cost in costs.items() if isinstance(cost, int | float)},
        prompts=str(frame["content_sha256"][0] or ""),
    )


def _mean_of_means(values: Values, names: Sequence[str]) -> float:
    return sum(sum(values[name]) / len(values[name]) for name in names) / len(names)


def _within(frame: pl.DataFrame, columns: Sequence[str], key: Key) -> pl.DataFrame:
    rows = frame.select(columns).iter_rows()
    return frame.filter(pl.Series([_key(columns, row) == key for row in rows], dtype=pl.Boolean))


def _keys(frame: pl.DataFrame, columns: Sequence[str]) -> set[Key]:
    return {_key(columns, row) for row in frame.select(columns).iter_rows()}


def _key(columns: Sequence[str], row: tuple[object, ...]) -> Key:
    return tuple(_text(value) for column, value in zip(columns, row, strict=True))


def _count(frame: pl.DataFrame, column: str) -> int:
    return len({_text(value) for value in frame[column]})


def _text(value: object) -> str:
    if isinstance(value, pl.Series | list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _told(columns: Sequence[str], key: Key) -> str:
    names = [WORDS.get(column, column.replace("_", " ")) for column in columns]
    return ", ".join(f"{name} {value or 'none'}" for name, value in zip(names, key, strict=True))


def _value(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
