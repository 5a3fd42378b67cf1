"""From a trained network to results: inference, scores, overlays, files for the evaluation server."""
