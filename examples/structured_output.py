"""Answers in a type: a dataclass, a Pydantic model, or any type that has a JSON Schema."""

from dataclasses import dataclass

from weft import Agent


@dataclass
class City:
    name: str
    population: int


agent = Agent("geographer", instructions="You know cities.", output=City)
city = agent.run_sync("Name 'Rome', population 2800000").output
assert isinstance(city, City)
print(f"{city.name} has {city.population:,} inhabitants")
