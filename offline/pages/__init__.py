"""Report pages: one HTML file each, with its style, charts and pictures inside and no script."""
