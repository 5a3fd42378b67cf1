"""The ablations of Tables 1 and 2 with controls and error bars: what is run, the runs, and the tables made of them.

``rows`` and ``studies`` say what is run, as data. ``grid`` runs it, cell by cell (``cells``), each cell in a process of
its own (``run``). ``results`` reads the result files, ``stats`` makes means and intervals, ``table``, ``blocks`` and
``figures`` show them. The command is ``acflib ablate``.

Of the study of class centers (``docs/study-plan.md``), ``pairs`` says what is run, ``pair_results`` finds its scores,
``conclusions`` draws what the plan concludes, by ``verdicts``; ``pair_blocks``, ``pair_tables`` and ``pair_figures``
show it.
"""
