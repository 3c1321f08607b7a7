"""What the offline side, the export and the runtime share. Needs numpy alone."""
