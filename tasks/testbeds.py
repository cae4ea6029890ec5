"""One task per testbed of the catalog: `cordelia/pocket` is `cordelia/audit -T testbed=pocket`."""

from collections.abc import Callable
from inspect import Parameter, signature

from inspect_ai import Task, task

from cordelia.tasks.audit import audit
from cordelia.testbeds.find import CATALOG


def testbed_task(name: str) -> Callable[..., Task]:
    """The audit task of one testbed, with all of `audit`'s parameters but `testbed`."""

    def audit_of(**parameters: object) -> Task:
        return audit(testbed=name, **parameters)  # type: ignore[arg-type]

    kept = [p for p in signature(audit).parameters.values() if p.name != "testbed"]
    audit_of.__signature__ = signature(audit_of).replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=Parameter.KEYWORD_ONLY) for p in kept]
    )
    audit_of.__name__ = name
    audit_of.__doc__ = f"The audit of testbed '{name}'. See cordelia/audit."
    return task(name=name)(audit_of)


testbed_task.__test__ = False  # type: ignore[attr-defined]

TASKS = {
    folder.name: testbed_task(folder.name)
    for folder in sorted(CATALOG.iterdir())
    if (folder / "testbed.yaml").is_file()
}
