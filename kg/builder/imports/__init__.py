"""Takes vocabularies and annotation tables of others into a snapshot, beside the leg graph."""
