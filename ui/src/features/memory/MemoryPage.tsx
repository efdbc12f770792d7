/** What is remembered: memories, the profile, proposed instructions, and the work on them. */
import { useQuery } from "@tanstack/react-query";
import { Ellipsis, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { choresQuery, proposalsQuery } from "~/api/memory";
import { t } from "~/strings";
import { Button, IconButton } from "~/ui/Button";
import { count } from "~/ui/format";
import { Menu, MenuItem } from "~/ui/Menu";
import { Page } from "~/ui/Page";
import { FIELD } from "~/ui/question/Field";
import { TabHead, TabPanel, Tabs } from "~/ui/Tabs";
import { Chores } from "./Chores";
import { EraseAll } from "./EraseAll";
import { Memories } from "./Memories";
import { NewMemory } from "./MemoryDialog";
import { ProfileView } from "./ProfileView";
import { Proposals } from "./Proposals";
import { type MemoryView, without } from "./view";

interface Props {
  view: MemoryView;
  onView: (view: MemoryView) => void;
}

export function MemoryPage({ view, onView }: Props) {
  const [open, setOpen] = useState<"add" | "erase" | null>(null);
  const proposals = useQuery(proposalsQuery).data?.length ?? 0;
  const failed = useQuery(choresQuery).data?.filter(({ status }) => status === "failed").length ?? 0;
  const change = (part: Partial<MemoryView>) => onView({ ...view, ...part });
  return (
    <Page
      title={t.memory.title}
      lead={t.memory.lead}
      actions={
        <>
          <UserField value={view.user ?? ""} onChange={(user) => onView({ ...without(view, "user", "id"), ...user })} />
          <Button look="solid" onClick={() => setOpen("add")}>
            <Plus aria-hidden size={15} /> {t.memory.add}
          </Button>
          <Menu
            trigger={
              <IconButton label={t.common.actions}>
                <Ellipsis size={16} />
              </IconButton>
            }
          >
            <MenuItem danger icon={<Trash2 aria-hidden size={14} />} onSelect={() => setOpen("erase")}>
              {t.memory.eraseAll}
            </MenuItem>
          </Menu>
        </>
      }
    >
      <Tabs
        value={view.tab ?? "memories"}
        onChange={(tab) => change({ tab })}
        heads={
          <>
            <TabHead value="memories">{t.memory.tab.memories}</TabHead>
            <TabHead value="profile">{t.memory.tab.profile}</TabHead>
            <TabHead value="proposals">
              {t.memory.tab.proposals}
              {proposals > 0 && <Number tone="text-accent-ink">{proposals}</Number>}
            </TabHead>
            <TabHead value="work">
              {t.memory.tab.work}
              {failed > 0 && <Number tone="text-bad">{failed}</Number>}
            </TabHead>
          </>
        }
      >
        <TabPanel value="memories">
          <Memories view={view} onChange={change} onView={onView} />
        </TabPanel>
        <TabPanel value="profile">
          <ProfileView user={view.user} />
        </TabPanel>
        <TabPanel value="proposals">
          <Proposals />
        </TabPanel>
        <TabPanel value="work">
          <Chores user={view.user} />
        </TabPanel>
      </Tabs>
      <NewMemory
        open={open === "add"}
        onOpenChange={(now) => setOpen(now ? "add" : null)}
        user={view.user}
        onDone={(id) => onView({ ...without(view, "q"), tab: "memories", id })}
      />
      <EraseAll
        open={open === "erase"}
        onOpenChange={(now) => setOpen(now ? "erase" : null)}
        user={view.user}
        onDone={() => onView(without(view, "id"))}
      />
    </Page>
  );
}

function Number({ tone, children }: { tone: string; children: number }) {
  return <span className={`tnum font-medium ${tone}`}>{count(children)}</span>;
}

/** Taken up when it is left or sent: half a name is nobody's. */
function UserField({ value, onChange }: { value: string; onChange: (user: { user?: string }) => void }) {
  const [draft, setDraft] = useState(value);
  const take = () => {
    const user = draft.trim();
    if (user !== value) onChange(user ? { user } : {});
  };
  return (
    <form
      className="max-md:flex-1"
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <input
        aria-label={t.memory.user}
        placeholder={t.memory.users}
        title={t.memory.userHelp}
        value={draft}
        maxLength={200}
        spellCheck={false}
        onBlur={take}
        onChange={(event) => setDraft(event.target.value)}
        className={`${FIELD} w-36! max-md:w-full!`}
      />
    </form>
  );
}
