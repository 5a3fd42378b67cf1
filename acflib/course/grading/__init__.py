"""Students' notebooks, graded: ``grade`` is the way in, ``cells`` finds exercises, ``session`` runs the notebook.

``clock`` says when a cell has run too long, ``parallel`` grades several at once, ``totals`` writes a table for
a gradebook.
"""
