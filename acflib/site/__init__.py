"""``acflib site``: the playground and the lessons as a folder of static pages; see :mod:`acflib.site.build`."""
