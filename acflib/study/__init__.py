"""The ablation study: rows, seeds, tables with intervals, the paper's own numbers, figures."""
