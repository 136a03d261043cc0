"""Searches that are hurt on purpose, and the proof that nothing came of it.

``make faults MINUTES=60`` runs it; `faults.run` says what happens.
"""
