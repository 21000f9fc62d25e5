"""bitHuman's own runtime and service behind this package's seams, and the errors of both."""
