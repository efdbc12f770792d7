/** What was cut off while it must not happen twice, in runs that are over: nobody is asked any more, but should know. */
import type { Interrupt } from "~/api/types";
import { t } from "~/strings";
import { JsonView } from "~/ui/JsonView";
import { Origin } from "./Origin";
import { keyOf } from "./useAnswers";

export function Unknown({ items }: { items: readonly Interrupt[] }) {
  return (
    <>
      <p className="mb-4 max-w-3xl text-sm text-ink-2">{t.inbox.unknownLead}</p>
      <ul aria-label={t.inbox.unknown} className="max-w-3xl space-y-4">
        {items.map((item) => (
          <li key={keyOf(item)} className="space-y-2.5 rounded-lg border border-line bg-raised p-3.5">
            <h3 className="font-mono text-sm font-medium">{item.tool ?? item.path.at(-1)}</h3>
            <Origin item={item} />
            {item.arguments && <JsonView value={item.arguments} label={t.tool.arguments} />}
          </li>
        ))}
      </ul>
    </>
  );
}
