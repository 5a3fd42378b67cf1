"""What the networks are built of: base networks, normalization, context modules, and the controls of the ablation."""
