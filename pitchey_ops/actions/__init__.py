"""
Actions: plans that send nothing, importable anywhere; what carries them out lives in `actions.apply` alone.

``plan(name, facts, **arguments)`` returns a `Plan`; `catalogue` lists the actions.
"""

from __future__ import annotations

from .catalogue import action, catalogue, for_step, plan
from .facts import Deployed, Facts, OnCallPerson, facts_from_report
from .models import Plan

__all__ = ["Deployed", "Facts", "OnCallPerson", "Plan", "action", "catalogue", "facts_from_report", "for_step", "plan"]
