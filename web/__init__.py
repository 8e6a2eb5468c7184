"""The HTTP face of `kg`: routes, negotiation and pages in Flask, and the gateway in front of it."""
