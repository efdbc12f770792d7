"""AgentDojo's environments, driven by Weft's agent loop with a model that obeys whatever it reads."""
