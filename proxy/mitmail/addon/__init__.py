"""The mitmproxy addon: the only package that imports mitmproxy."""
