"""The recall contract: how far to search for a recall that was asked for, from what was measured.

What is measured is real queries alone: those that were asked lately. Stored vectors are no
substitute, not even moved ones (docs/experiments.md). So until enough queries have been asked,
answers are exact, and these are what the next ones are held against.
"""

from vicinal.collection.effort.effort import Effort

__all__ = ["Effort"]
