"""Thunderbird, driven: a window on a display that nobody sees, asked through Marionette."""
