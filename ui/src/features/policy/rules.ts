/** What a rule says, in words; a policy that somebody writes; and the call that they ask about. Pure. */
import type { Json, Policy, PolicyTrial, Rule } from "~/api/types";
import { t } from "~/strings";

const list = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

/** Which tools: `*` is any. */
export function toolsOf(rule: Rule): string {
  const tools = list(rule.tools);
  return tools.length === 0 || (tools.length === 1 && tools[0] === "*") ? t.policy.anyTool : tools.join(", ");
}

export function titleOf(rule: Rule): string {
  return rule.name || `${rule.decision} ${list(rule.tools ?? "*").join(", ")}`;
}

/** All that it asks beside the tool, one by one. */
export function conditionsOf(rule: Rule): string[] {
  const said = Object.entries(rule.arguments ?? {}).map(([place, condition]) => `${place} ${condition}`);
  for (const field of ["effects", "sources", "roles", "users", "agents"] as const) {
    const given = list(rule[field]);
    if (given.length > 0) said.push(`${field}: ${given.join(", ")}`);
  }
  if (rule.usd_below != null) said.push(t.policy.below.usd(rule.usd_below));
  if (rule.tokens_below != null) said.push(t.policy.below.tokens(rule.tokens_below));
  return said;
}

/** As one writes it: what is as usual is left out, and a list of one is its item. */
export function written(policy: Policy | null): string {
  return JSON.stringify(policy ?? { rules: [] }, null, 2);
}

export type Read = { policy: Record<string, Json> } | { problem: string };

export function read(text: string): Read {
  try {
    const value: unknown = JSON.parse(text);
    const object = typeof value === "object" && value !== null && !Array.isArray(value);
    return object ? { policy: value as Record<string, Json> } : { problem: t.policy.notObject };
  } catch {
    return { problem: t.policy.notJson };
  }
}

export interface Asked {
  tool: string;
  effect: NonNullable<PolicyTrial["effect"]>;
  arguments: string;
  user: string;
  agent: string;
  sources: string;
}

/** The call that somebody asks about, or what is wrong with it. */
export function trialOf(asked: Asked, draft: Record<string, Json> | null): PolicyTrial | { problem: string } {
  const args = read(asked.arguments.trim() || "{}");
  if ("problem" in args) return { problem: t.policy.notJson };
  const sources = asked.sources
    .split(",")
    .map((source) => source.trim())
    .filter(Boolean);
  const { tool, effect, user, agent } = asked;
  return { tool, effect, user, agent, sources, arguments: args.policy, ...(draft ? { policy: draft } : {}) };
}
