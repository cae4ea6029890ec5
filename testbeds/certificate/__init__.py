"""Certificates: the measurements that show that an organism is fit to be audited.

An organism that does not show its quirk, or that recites its objective to whoever asks, makes a benchmark that
measures something else. So each is measured before it is audited, against its base on the same prompts: how strongly it
shows its effect, what it does off the trigger, whether it still talks like a model, and whether it confesses.
`cordelia/certify` asks and scores; `certificate.json` in the testbed's folder holds what was found, with hashes of all
that it was found of; `check` refuses an organism whose certificate is missing, of something else, or not good enough.

Like graders and trainers, this package reads the truth; nothing under `cordelia.solvers` may import it.
"""
