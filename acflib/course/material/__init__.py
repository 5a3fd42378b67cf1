"""Material that students do not have: exercises of an instructor's own, parallel forms of those here, quizzes.

It lies in a folder outside of the course. ``folder`` reads it and writes it, ``template`` starts an exercise, ``trial``
tries one, ``forms`` makes parallel forms of the course's exercises, ``quiz`` asks questions. ``docs/instructors.md``
tells how to use them.
"""
