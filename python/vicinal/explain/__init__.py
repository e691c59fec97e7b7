"""Why a search answered what it did (`Explanation`), and why not something else (`WhyNot`)."""

from vicinal.explain.explanation import Explanation
from vicinal.explain.route import Hop, Layer, Reranked
from vicinal.explain.why import WhyNot, why_not

__all__ = ["Explanation", "Hop", "Layer", "Reranked", "WhyNot", "why_not"]
