"""Labels spread over a graph of neighbours, with a linear probe beside it."""
