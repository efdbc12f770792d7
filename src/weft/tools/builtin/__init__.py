"""Tools that come with Weft; ``weft.tools.catalogue`` lists them. Each is made when it is asked for."""
