"""How well memory finds the evidence for a question, on public conversations that are given by a path."""
