"""What Weft costs beside the same work written by hand, in the same process: ``make bench``."""
