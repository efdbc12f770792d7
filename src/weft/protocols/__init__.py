"""Protocols of others over which an app is served."""
