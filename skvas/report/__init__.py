"""Pages that show recordings at the same moment, and take corrections."""
