"""Subscribers from and to files."""

from subscribers.transfer.exporting import export_csv
from subscribers.transfer.fields import FIELDS
from subscribers.transfer.importing import import_file
from subscribers.transfer.person import export_person
from subscribers.transfer.presets import presets
from subscribers.transfer.reports import ImportReport

__all__ = ["FIELDS", "ImportReport", "export_csv", "export_person", "import_file", "presets"]
