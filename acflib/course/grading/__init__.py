"""Students' notebooks, graded: ``grade`` is the way in, ``cells`` finds exercises, ``session`` runs the notebook."""
