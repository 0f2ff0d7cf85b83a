"""Faults on purpose: jobs killed, racing and out of room, bundles damaged, registries down, feeds missing, clocks and cities odd.

``make faults`` runs the long form and prints one table; the short form is among the default tests.
"""
