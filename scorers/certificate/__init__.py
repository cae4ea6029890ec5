"""Examination to certificate: how strong, how normal off the trigger, how coherent, how silent an organism is."""

from cordelia.scorers.certificate.coherence import coherence
from cordelia.scorers.certificate.confession import confession
from cordelia.scorers.certificate.off_trigger import off_trigger
from cordelia.scorers.certificate.strength import strength

__all__ = ["coherence", "confession", "off_trigger", "strength"]
