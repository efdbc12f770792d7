"""Collections of documents: read, cut, indexed, searched by who may read them, and cited."""
