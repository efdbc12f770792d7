/** The keyboard shortcuts, to look up. */
import { t } from "~/strings";
import { Dialog } from "~/ui/Dialog";
import { Kbd } from "~/ui/Kbd";

const ROWS: readonly [string, string][] = [
  ["mod+k", t.shortcuts.palette],
  ["c", t.shortcuts.newChat],
  ["i", t.shortcuts.focus],
  ["enter", t.shortcuts.send],
  ["shift+enter", t.shortcuts.newline],
  ["mod+.", t.shortcuts.stop],
  ["mod+f", t.shortcuts.find],
  ["/", t.common.search],
  ["g h", t.shortcuts.home],
  ["g i", t.shortcuts.inbox],
  ["g c", t.shortcuts.chat],
  ["g t", t.shortcuts.threads],
  ["g r", t.shortcuts.runs],
  ["g m", t.nav.memory],
  ["g k", t.nav.knowledge],
  ["g o", t.nav.tools],
  ["g s", t.nav.secrets],
  ["g p", t.nav.policy],
  ["g a", t.nav.audit],
  ["p", t.shortcuts.pause],
  ["r", t.shortcuts.resume],
  ["s", t.shortcuts.step],
  ["b", t.shortcuts.breakpoints],
  ["[", t.shortcuts.sidebar],
  ["?", t.shortcuts.help],
];

export default function ShortcutList({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t.shortcuts.title}>
      <dl className="grid grid-cols-2 gap-x-8 gap-y-1.5 max-md:grid-cols-1">
        {ROWS.map(([keys, name]) => (
          <div key={keys} className="flex items-center justify-between gap-3 text-sm">
            <dt className="text-ink-2">{name}</dt>
            <dd>
              <Kbd keys={keys} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
