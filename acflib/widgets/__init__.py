"""Interactive views for notebooks: SimilarityExplorer, ClassCenterLab, AttentionViewer.

Everything that they show is computed by pure functions (``explorer_state``, ``lab_state``, ``attention_state``,
``lab_edits``, ``scene`` and :mod:`acflib.similarity`); the browser paints it (``static/``).
"""

from acflib.widgets.scene import Picture

try:
    from acflib.widgets.attention import AttentionViewer
    from acflib.widgets.explorer import SimilarityExplorer
    from acflib.widgets.lab import ClassCenterLab
except ModuleNotFoundError as error:
    if error.name not in ("anywidget", "ipywidgets", "traitlets"):
        raise
    raise ModuleNotFoundError(
        f"acflib.widgets needs the package {error.name}: pip install 'acflib[notebooks]'", name=error.name
    ) from error

__all__ = ["AttentionViewer", "ClassCenterLab", "Picture", "SimilarityExplorer"]
