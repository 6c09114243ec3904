"""History through the same engine: recorded events in, what would have happened out. Nothing here can send."""

from relight.simulate.simulate import SimulationResult, simulate, simulate_folder

__all__ = ["SimulationResult", "simulate", "simulate_folder"]
