"""Ad-hoc SPARQL: checked by `guard`, evaluated by `worker` processes that `pool` can kill."""
