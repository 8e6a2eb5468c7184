"""The build: ontology files in, snapshot out. `run.build` runs the steps in order.

Nothing here is imported by what serves a snapshot; the two share `kg.records`, `kg.store`,
`kg.vocabulary` and the layout named in `kg.layout`.
"""
