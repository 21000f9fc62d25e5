"""The built-in characters, one module each with a `CHARACTER`."""
