"""What can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from vicinal.plots.chart import Plot


class Drawn:
    """What figures have in common that can be seen as a plot."""

    __slots__ = ()

    def _drawn(self) -> Plot:
        """The plot."""
        raise NotImplementedError

    def plot(self, path: str | os.PathLike[str] | None = None, *, theme: str = "light") -> Plot:
        """Draw it.

        Parameters
        ----------
        path : str or Path, optional
            A file to write: .png, .svg or .html. Needs ``pip install 'vicinal[plot]'``.
        theme : {"light", "dark"}
            As in `Plot.save`.

        Returns
        -------
        Plot
            With `save`; a notebook shows it.
        """
        drawn = self._drawn()
        if path is not None:
            drawn.save(path, theme=theme)
        return drawn
