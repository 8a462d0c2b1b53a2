"""The program without an engine: run it, and see every resource that it would register.

For tests, for `make render`, and for whoever has Python but no Pulumi. Runs the program at the checkout's root as it
is; imports nothing of its parts.
"""

from render.program import Evaluation, Registration, evaluate

__all__ = ["Evaluation", "Registration", "evaluate"]
