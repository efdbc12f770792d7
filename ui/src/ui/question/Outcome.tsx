/** Something that must not happen twice, and nobody knows whether it did: a person says so. */
import { CircleCheck, CircleSlash, RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";
import type { Json } from "~/api/types";
import { t } from "~/strings";
import { Button } from "../Button";
import { fieldOf } from "./schema";
import { SchemaForm } from "./SchemaForm";

const RESULT = fieldOf({ type: "string" }, {}, "", false);

export function Outcome({ busy, onSend }: { busy: boolean; onSend: (answer: Json) => void }) {
  const [mode, setMode] = useState<"ask" | "happened" | "fail">("ask");
  const happened = mode === "happened";
  const field = useMemo(
    () => ({ ...RESULT, title: happened ? t.question.outcomeResult : t.question.reason, optional: true }),
    [happened],
  );
  if (mode !== "ask") {
    const key = happened ? "result" : "reason";
    return (
      <SchemaForm
        key={mode}
        field={field}
        start={undefined}
        busy={busy}
        autoFocus
        action={happened ? t.question.happened : t.question.goWithout}
        onSend={(value) => onSend({ outcome: mode, ...(value === undefined ? {} : { [key]: value }) })}
      >
        <Button look="quiet" onClick={() => setMode("ask")}>
          {t.question.back}
        </Button>
      </SchemaForm>
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button disabled={busy} onClick={() => setMode("happened")}>
        <CircleCheck aria-hidden size={15} /> {t.question.happened}…
      </Button>
      <Button disabled={busy} onClick={() => onSend({ outcome: "did_not_happen" })}>
        <RotateCcw aria-hidden size={15} /> {t.question.doItNow}
      </Button>
      <Button look="quiet" disabled={busy} onClick={() => setMode("fail")}>
        <CircleSlash aria-hidden size={15} /> {t.question.goWithout}…
      </Button>
    </div>
  );
}
