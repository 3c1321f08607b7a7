"""Pictures and sound: files, colour, encoding, the watermark."""
