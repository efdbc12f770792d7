/** The small marks of a memory: what kind it is, whose word, how it stands, whom it is told to. */
import type { Memory, Trust } from "~/api/types";
import { Bot, type LucideIcon, UserRound, Wrench } from "lucide-react";
import { t } from "~/strings";
import { Badge, type Tone } from "~/ui/Badge";
import { Hint } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { type Place, shelfOf, type Standing } from "./lore";

export function KindBadge({ kind }: { kind: Memory["kind"] }) {
  return <Badge tone={kind === "procedural" ? "accent" : "plain"}>{t.memory.kind[kind]}</Badge>;
}

const WORDS: Record<Trust, Tone> = { person: "ok", agent: "plain", tool: "warn" };
const VOICES: Record<Trust, LucideIcon> = { person: UserRound, agent: Bot, tool: Wrench };

/** In a list: quiet, but for what is the least to be relied on. */
export function TrustMark({ trust }: { trust: Trust }) {
  const Icon = VOICES[trust];
  return (
    <span className={cx("inline-flex items-center gap-1", trust === "tool" ? "text-warn" : "text-ink-3")}>
      <Icon aria-hidden size={12} /> {t.memory.trust[trust]}
    </span>
  );
}

/** The same, and what it means. */
export function TrustExplained({ trust }: { trust: Trust }) {
  return (
    <Hint text={t.memory.trustHelp[trust]} side="bottom">
      <button type="button" className="rounded-full">
        <Badge tone={WORDS[trust]}>{t.memory.trust[trust]}</Badge>
      </button>
    </Hint>
  );
}

export function StandingBadge({ standing }: { standing: Standing }) {
  return standing === "holds" ? null : <Badge tone="warn">{t.memory.standing[standing]}</Badge>;
}

export function placeOf(place: Place): string {
  const user = place.user ?? "";
  const shelf = shelfOf(place);
  switch (shelf) {
    case "practice":
      return t.memory.place.practice(place.agent);
    case "agent":
      return t.memory.place.agent(user, place.agent);
    case "workspace":
      return t.memory.place.workspace();
    default:
      return t.memory.place[shelf](user);
  }
}
