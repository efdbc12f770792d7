"""How a model is brought to the shape of an output: the highest step of the ladder that it has, told in the run."""

from typing import Any

from msgspec.structs import replace

from weft.agents import output as outputs
from weft.agents.thinking import Way, ask
from weft.engine.context import Context
from weft.errors import ModelError
from weft.events import OutputDecided
from weft.messages import Message, Text
from weft.models.base import Answer, Model, OutputSchema, Request
from weft.models.capabilities import OutputLevel, awake, capabilities
from weft.models.shape import final_tool

_WHY: dict[OutputLevel, str] = {
    "native": "it keeps to a schema",
    "tool": "it calls tools, and is not known to keep to a schema",
    "json": "its provider has a JSON mode, and it is not known to call tools",
    "prompt": "nothing better is known of it",
}


class Ladder:
    """The steps for one output."""

    def __init__(self, schema: OutputSchema) -> None:
        self._schema = schema
        self._final = final_tool(schema)

    async def level(self, model: Model) -> OutputLevel:
        """The step that this model is on now."""
        await awake(model)
        return capabilities(model).output

    def tell(self, model: Model, level: OutputLevel, ctx: Context[Any]) -> None:
        """Put the choice on record."""
        seen = "output" in capabilities(model).seen
        ctx.emit(OutputDecided(model.name, level, "it has refused a higher form" if seen else _WHY[level]))

    async def asked(
        self, model: Model, way: Way, request: Request, level: OutputLevel, ctx: Context[Any]
    ) -> tuple[Answer, OutputLevel]:
        """The answer of a model that is asked for the shape, and the step by which it came.

        A provider may refuse a form: then its model is asked in a lower one, now and from now on.
        """
        try:
            answer, by = await ask(model, way, self.shaped(request, level), ctx), level
        except ModelError:
            by = await self.level(model)
            if level != "tool" or by == level or request.tools:
                raise
            answer = await ask(model, way, self.shaped(request, by), ctx)
        if (now := await self.level(model)) != level:
            self.tell(model, now, ctx)
        return answer, by

    def shaped(self, request: Request, level: OutputLevel) -> Request:
        """The request that asks for the shape."""
        if level == "tool":
            return replace(request, tools=[*request.tools, self._final])
        if level == "native":
            return replace(request, output=self._schema)
        words = outputs.instructions_for(self._schema)
        first, *rest = request.messages
        if first.role == "system":
            head = Message(role="system", parts=(Text(f"{first.text}\n\n{words}"),), id=first.id)
        else:
            head, rest = Message(role="system", parts=(Text(words),), id="system"), list(request.messages)
        return replace(request, messages=[head, *rest], output=self._schema if level == "json" else None)
