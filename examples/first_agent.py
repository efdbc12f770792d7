"""An agent in three lines. Without a key the demo model answers; with one, or with Ollama running, a real one does."""

from weft import Agent

agent = Agent("greeter", instructions="Greet people by their name, in one sentence.")
result = agent.run_sync("Hello, I am Ada.")
print(result.output)
print(f"{result.status}, {result.usage.total_tokens} tokens")
