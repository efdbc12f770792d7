/** What is sent to whom: words to an agent, an object to a graph. Pure. */
import type { Agent, Json } from "~/api/types";

/** A target that is no agent has no model of its own; its input is an object, written as JSON. */
export function takesJson(agent: Agent | undefined): boolean {
  return agent !== undefined && agent.model === "";
}

/** JSON where a graph is to get it and it is some; else the words as they are. */
export function inputOf(agent: Agent | undefined, text: string): Json {
  if (!takesJson(agent)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text; // the server says what it wants
  }
}
