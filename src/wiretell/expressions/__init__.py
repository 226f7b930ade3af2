"""The language of filters and highlights: text -> tests over columns -> Polars expressions."""
