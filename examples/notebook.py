# %% [markdown]
# # The graph in Python
#
# Etiograph informs; it does not diagnose. Run the cells in a notebook (Jupyter and editors know the
# `# %%` marks), or all of them by `python examples/notebook.py`, after `python -m kg build`.

# %% Open it, and ask
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]) if "__file__" in globals() else "..")

from kg import open_graph

graph = open_graph(sys.argv[1] if len(sys.argv) > 1 else None)
print(graph)

# %% A question in words: a table that a notebook shows, with warning signs and sources
answers = graph.ask("causes of calf cramps relieved by rest")
print(answers)

# %% Everything that `/ask` gives is in the payload: the proof of the first answer, for example
print(answers.payload["answers"][0]["proof"]["sparql"])

# %% Names
print(graph.search("claudication"))
best = graph.search("claudication")[0]["id"]
print(graph.entity(best))

# %% SPARQL; the prefixes are declared
where = graph.query("""
    SELECT ?region (COUNT(DISTINCT ?condition) AS ?conditions) WHERE {
      ?condition etio:hasPresentation ?presentation .
      ?presentation rdfs:subClassOf etio:Cramp ; etio:locatedIn ?place .
      ?place rdfs:label ?region .
    } GROUP BY ?region ORDER BY DESC(?conditions) ?region
    """)
print(where)

# %% For pandas: pandas.DataFrame(where.to_rows())
print(where.to_rows()[:3])

# %% The data itself, as rdflib has it
for quads in graph.dataset.graphs():
    print(f"{len(quads):>8}  {quads.identifier}")
kinds = Counter(row["kind"] for row in graph.search("leg", limit=50))
print(kinds.most_common())
