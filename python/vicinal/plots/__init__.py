"""Plots: one description, drawn still (PNG, SVG) or as a page (HTML), in one look."""

from vicinal.plots.chart import Axis, Panel, Plot, Rule, Series, check

__all__ = ["Axis", "Panel", "Plot", "Rule", "Series", "check"]
