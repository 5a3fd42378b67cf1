"""Students' notebooks, graded: ``grade`` is the way in, ``cells`` finds exercises, ``session`` runs the notebook.

``parallel`` grades several at once, ``totals`` writes a table for a gradebook.
"""
