"""The command line: ``reconode simulate / info / reconstruct / evaluate / train / table / experiment``.

``__main__`` puts the commands together; each other module holds those of one kind, and ``console`` what all share.
"""
