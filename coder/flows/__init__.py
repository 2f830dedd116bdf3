"""Flows: workflows as ordinary async functions whose steps are recorded in the event log.

Read flow, recorded_steps, drive.
"""

from coder.flows.checks import Check
from coder.flows.drive import resume_flow, run_flow
from coder.flows.errors import FlowDiffers, StepFailed
from coder.flows.flow import Flow

__all__ = ["Check", "Flow", "FlowDiffers", "StepFailed", "resume_flow", "run_flow"]
