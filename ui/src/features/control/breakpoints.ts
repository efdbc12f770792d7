/** Breakpoints as a person writes them. Pure. */
import type { Breakpoint } from "~/api/types";
import type { RunView } from "~/run/view";

export type Where = "before" | "after" | "tool" | "when";

export function breakpoint(where: Where, text: string): Breakpoint {
  const name = text.trim();
  switch (where) {
    case "tool":
      return { tool: name };
    case "when":
      return { when: name };
    default:
      return { node: name, after: where === "after" };
  }
}

export function whereOf(point: Breakpoint): { where: Where; name: string } {
  if (point.tool) return { where: "tool", name: withCondition(point.tool, point) };
  if (point.node) return { where: point.after ? "after" : "before", name: withCondition(point.node, point) };
  return { where: "when", name: point.when ?? "" };
}

function withCondition(name: string, { when }: Breakpoint): string {
  return when ? `${name} (${when})` : name;
}

export function same(a: Breakpoint, b: Breakpoint): boolean {
  const key = ({ node, tool, when, after, graph }: Breakpoint) =>
    JSON.stringify([node ?? null, tool ?? null, when ?? null, after ?? false, graph ?? null]);
  return key(a) === key(b);
}

/** Names that the run has shown so far, to choose from. */
export function namesSeen(view: RunView): { nodes: string[]; tools: string[] } {
  const spans = [...view.spans, ...view.open.values()];
  const of = (kind: "node" | "tool") => [
    ...new Set(spans.filter((span) => span.kind === kind).map(({ name }) => name)),
  ];
  return { nodes: of("node"), tools: of("tool") };
}
