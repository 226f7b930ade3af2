"""Real scans in namespaces: who scans, in whose name, and what each of the places sees."""
