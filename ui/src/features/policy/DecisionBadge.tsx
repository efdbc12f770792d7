/** Allow, ask or deny, in its colour. */
import type { Decision } from "~/api/types";
import { t } from "~/strings";
import { Badge, type Tone } from "~/ui/Badge";

const TONES: Record<Decision, Tone> = { allow: "ok", ask: "warn", deny: "bad" };

export function DecisionBadge({ decision }: { decision: Decision }) {
  return <Badge tone={TONES[decision]}>{t.policy.decision[decision]}</Badge>;
}
