"""Faults on real processes: a fleet, people who use it, a seeded weather that breaks it, a ledger of what came out."""
