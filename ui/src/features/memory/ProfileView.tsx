/** What is known of a user in the schemas of agents: read as of a day, with each field's history; and changed. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { UserRound } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { memoriesQuery, memoryApi, profileQuery } from "~/api/memory";
import { agentsQuery } from "~/api/queries";
import type { Agent, Json, JsonObject, Memory } from "~/api/types";
import { t } from "~/strings";
import { moment } from "~/ui/format";
import { FIELD } from "~/ui/question/Field";
import { fieldOf, isObject } from "~/ui/question/schema";
import { SchemaForm } from "~/ui/question/SchemaForm";
import { Empty, Failure, Loading } from "~/ui/States";
import { toast } from "~/ui/Toasts";
import { dayEnd } from "./lore";
import { TrustMark } from "./marks";
import { changedFields, fieldText, valuesOf } from "./profile";
import { useMemoryAction } from "./useMemoryAction";
import { LOCAL } from "./view";

export function ProfileView({ user }: { user: string | undefined }) {
  const [day, setDay] = useState("");
  const { data, error, refetch } = useQuery(profileQuery(user, dayEnd(day)));
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-ink-2">{t.profile.lead(user ?? LOCAL)}</p>
        <label className="flex items-center gap-2 text-xs text-ink-2">
          {t.profile.asOf}
          <input
            type="date"
            value={day}
            onChange={(event) => setDay(event.target.value)}
            className={`${FIELD} w-auto! py-1! text-xs!`}
          />
        </label>
      </div>
      {error && !data ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,1fr)_24rem]">
          {Object.keys(data).length === 0 ? (
            <Empty icon={<UserRound size={24} />} title={t.profile.empty} detail={t.profile.emptyDetail} />
          ) : (
            <Fields fields={data} user={user ?? LOCAL} />
          )}
          <Change fields={data} user={user} />
        </div>
      )}
    </>
  );
}

function Fields({ fields, user }: { fields: Record<string, Json>; user: string }) {
  return (
    <ul aria-label={t.memory.tab.profile} className="divide-y divide-line border-y border-line">
      {Object.entries(fields).map(([name, value]) => (
        <li key={name} data-field={name} className="px-3 py-2.5">
          <p className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5">
            <span className="w-36 shrink-0 text-sm text-ink-2">{name}</span>
            <span className="min-w-0 flex-1 font-medium break-words">{fieldText(value)}</span>
          </p>
          <FieldHistory name={name} user={user} />
        </li>
      ))}
    </ul>
  );
}

function FieldHistory({ name, user }: { name: string; user: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)} className="mt-1">
      <summary className="w-fit cursor-pointer rounded-sm text-xs text-ink-3 hover:text-ink-2">
        {t.profile.history(name)}
      </summary>
      {open && <Values name={name} user={user} />}
    </details>
  );
}

function Values({ name, user }: { name: string; user: string }) {
  const query = useInfiniteQuery(memoriesQuery("profile", user));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const values = useMemo(
    () => valuesOf(query.data?.pages.flatMap((page) => page.items) ?? [], name),
    [query.data, name],
  );
  if (!query.data) return <Loading className="p-3!" />;
  return (
    <ol className="mt-2 space-y-1.5">
      {values.map(({ memory, value }) => (
        <Value key={memory.id} memory={memory} value={value} />
      ))}
    </ol>
  );
}

function Value({ memory, value }: { memory: Memory; value: Json }) {
  const { valid_from: from, valid_to: to } = memory;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-l-2 border-line pl-3 text-sm">
      <span className="min-w-0 break-words">{value === null ? t.profile.gone : fieldText(value)}</span>
      <TrustMark trust={memory.trust} />
      <span className="text-xs text-ink-3">
        {to === null ? t.memory.since(moment(from)) : t.memory.span(moment(from), moment(to))}
      </span>
    </li>
  );
}

function Change({ fields, user }: { fields: Record<string, Json>; user: string | undefined }) {
  const agents = useQuery(agentsQuery).data?.filter(({ profile }) => profile) ?? [];
  const [chosen, setChosen] = useState("");
  const agent = agents.find(({ name }) => name === chosen) ?? agents[0];
  if (!agent)
    return <p className="rounded-lg border border-line bg-surface p-4 text-sm text-ink-2">{t.profile.none}</p>;
  return (
    <section aria-label={t.profile.change} className="space-y-4 rounded-lg border border-line bg-surface p-4">
      <label className="block text-xs font-medium text-ink-2">
        {t.profile.changeWith}
        <select value={agent.name} onChange={(event) => setChosen(event.target.value)} className={`${FIELD} mt-1`}>
          {agents.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <ChangeForm key={`${agent.name} ${JSON.stringify(fields)}`} agent={agent} fields={fields} user={user} />
    </section>
  );
}

interface ChangeFormProps {
  agent: Agent;
  fields: Record<string, Json>;
  user: string | undefined;
}

function ChangeForm({ agent, fields, user }: ChangeFormProps) {
  const { busy, act } = useMemoryAction();
  const schema = agent.profile as JsonObject;
  const names = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const start = Object.fromEntries(names.map((name) => [name, fields[name] ?? null]));
  const save = (value: Json) => {
    const changes = changedFields(start, value as JsonObject);
    if (Object.keys(changes).length === 0) return toast(t.profile.nothing);
    return act(() => memoryApi.changeProfile(agent.name, changes, user), t.profile.saved);
  };
  return (
    <SchemaForm
      field={{ ...fieldOf(schema), title: "" }}
      start={start}
      busy={busy}
      action={t.profile.save}
      onSend={(value) => void save(value)}
    />
  );
}
