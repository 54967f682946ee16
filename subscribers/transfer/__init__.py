"""Subscribers from and to files."""

from subscribers.transfer.exporting import export_csv
from subscribers.transfer.fields import FIELDS
from subscribers.transfer.importing import ImportReport, import_csv

__all__ = ["FIELDS", "ImportReport", "export_csv", "import_csv"]
