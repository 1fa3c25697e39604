"""The experiment behind the book's tables: what is trained on which data, in which order, and what came out.

``benchmark`` and ``plan`` say what is to be done, ``queue`` does it, ``record``, ``cost`` and ``transfer`` measure,
``results`` (with its ``schema``) are the files, and ``rows``, ``tables``, ``notes``, ``typeset``, ``paper`` show them.
"""
