"""Streets: generated street scenes with all 19 Cityscapes classes, in the layout of Cityscapes.

``folder`` writes and reads the files. ``plan``, ``contents``, ``scene`` and ``traffic`` decide what stands where;
``ground`` and ``shapes`` know what it looks like, and ``paint`` draws it; ``shadows`` and ``weather`` light the scene;
``color`` colors it. ``data/streets.md`` explains the set.
"""

from acflib.datasets.streets.folder import (
    GENERATOR_VERSION,
    MANIFEST,
    Street,
    Streets,
    render_street,
    world_of,
    write_streets,
)

__all__ = ["GENERATOR_VERSION", "MANIFEST", "Street", "Streets", "render_street", "world_of", "write_streets"]
