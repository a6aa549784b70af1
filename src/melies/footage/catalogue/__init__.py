"""The catalogue of a folder of footage: its films, their shots, what is said about these, and who is seen in them."""

from melies.footage.catalogue.ledger import File, Ledger
from melies.footage.catalogue.rows import LOOK, VECTOR, describe, still_name
from melies.footage.catalogue.store import HOME, BusyError, Catalogue

__all__ = ["HOME", "LOOK", "VECTOR", "BusyError", "Catalogue", "File", "Ledger", "describe", "still_name"]
