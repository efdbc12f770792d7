/** The conversation as a list that keeps few rows in the page, however long the thread is. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import {
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
  type Ref,
} from "react";
import type { StoredMessage, ToolResultPart } from "~/api/types";
import { isEnded } from "~/api/types";
import { useTold } from "~/run/useTold";
import { t } from "~/strings";
import { cx } from "~/ui/cx";
import { COLUMN, type Extras, MessageRow } from "./MessageRow";
import { isAbsent, type Loaded, resultOf } from "./pages";
import type { Conversation } from "./useConversation";
import { useMarks } from "./useMarks";

export interface ListHandle {
  goTo: (seq: number) => void;
  toEnd: () => void;
}

interface Props {
  conversation: Conversation;
  who: (author: string | null | undefined) => ReactNode;
  tail: (continues: boolean) => ReactNode;
  query: string;
  foundSeq: number | null;
  /** Whether an agent is told things unasked: memories, passages. */
  isTold: (author: string | null | undefined) => boolean;
  extras: Extras;
  ref: Ref<ListHandle>;
}

/** So near to its end the list keeps to its end while it grows. Pixels. */
const NEAR = 90;

export function MessageList({ conversation, who, tail, query, foundSeq, isTold, extras, ref }: Props) {
  const { messages, live, run, status } = conversation;
  const { loaded, want } = messages;
  const scroller = useRef<HTMLDivElement>(null);

  const list = useVirtualizer({
    count: loaded.head + 1,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (index === loaded.head ? 60 : estimate(loaded, index + 1)),
    getItemKey: useCallback(
      (index: number) => (index === loaded.head ? `tail-${loaded.head}` : index + 1),
      [loaded.head],
    ),
    overscan: 6,
    paddingStart: 8,
  });
  const size = list.getTotalSize();
  const { atEnd, toEnd, release } = useKeptEnd(scroller, size);

  useImperativeHandle(
    ref,
    () => ({
      goTo: (seq) => {
        release();
        list.scrollToIndex(seq - 1, { align: "center" });
      },
      toEnd,
    }),
    [list, toEnd, release],
  );

  const items = list.getVirtualItems();
  const from = (items[0]?.index ?? 0) + 1;
  const to = (items.at(-1)?.index ?? 0) + 1;
  useEffect(() => want(from - 8, to), [from, to, want, loaded]);
  useMarks(scroller, query, foundSeq, `${from}-${to}-${loaded.rows.size}`);

  const working = status !== null && !isEnded(status);
  return (
    <div className="fade-end relative min-h-0 flex-1">
      <div
        ref={scroller}
        data-messages
        role="log"
        aria-live="off"
        aria-label={t.chat.conversation}
        tabIndex={0}
        className="h-full overflow-y-auto overscroll-contain focus-visible:-outline-offset-2 [overflow-anchor:none]"
      >
        <div className="relative w-full" style={{ height: size }}>
          {items.map((item) => (
            <div
              key={item.key}
              ref={list.measureElement}
              data-index={item.index}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {item.index === loaded.head ? (
                tail(endsWithAgent(loaded))
              ) : (
                <Row
                  seq={item.index + 1}
                  loaded={loaded}
                  who={who}
                  view={
                    working && run && loaded.rows.get(item.index + 1)?.run_id === run.id ? (live?.view ?? null) : null
                  }
                  paused={status === "paused"}
                  found={foundSeq === item.index + 1}
                  live={live?.view ?? null}
                  isTold={isTold}
                  extras={extras}
                />
              )}
            </div>
          ))}
        </div>
      </div>
      <button
        type="button"
        onClick={toEnd}
        aria-label={t.chat.jumpEnd}
        tabIndex={atEnd ? -1 : 0}
        aria-hidden={atEnd}
        className={cx(
          "absolute bottom-3 left-1/2 z-10 grid size-8 -translate-x-1/2 place-items-center rounded-full border border-line bg-raised text-ink-2 shadow-2 transition hover:text-ink",
          atEnd && "pointer-events-none translate-y-2 opacity-0",
        )}
      >
        <ArrowDown size={16} />
      </button>
    </div>
  );
}

/** Keeps the list at its end while it grows, until somebody scrolls up; and again once they are back. */
function useKeptEnd(scroller: RefObject<HTMLDivElement | null>, size: number) {
  const kept = useRef(true);
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = useCallback(() => {
    kept.current = true;
    setAtEnd(true);
    if (scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [scroller]);
  const release = useCallback(() => void (kept.current = false), []);
  useLayoutEffect(() => {
    if (kept.current) toEnd();
  }, [size, toEnd]);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    let before = element.scrollTop;
    const onScroll = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      if (near) kept.current = true;
      else if (element.scrollTop < before - 2) kept.current = false;
      before = element.scrollTop;
      setAtEnd(near);
    };
    const resized = new ResizeObserver(() => kept.current && toEnd());
    resized.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [scroller, toEnd]);
  return { atEnd, toEnd, release };
}

interface RowProps {
  seq: number;
  loaded: Loaded;
  who: Props["who"];
  view: NonNullable<Conversation["live"]>["view"] | null;
  paused: boolean;
  found: boolean;
  /** The run that is followed, whichever wrote the message. */
  live: RowProps["view"];
  isTold: Props["isTold"];
  extras: Extras;
}

function Row(props: RowProps) {
  const { seq, loaded } = props;
  const row = loaded.rows.get(seq);
  if (!row) return isAbsent(loaded, seq) ? null : <Skeleton />;
  if (row.message.role === "tool") return null; // shown with the call that it answers
  return <Spoken {...props} row={row} />;
}

function Spoken({
  seq,
  row,
  loaded,
  who,
  view,
  paused,
  found,
  live,
  isTold,
  extras,
}: RowProps & { row: StoredMessage }) {
  const runId = row.run_id ?? null;
  const told = useTold(
    runId,
    row.message.role === "assistant" && isTold(row.message.author),
    live !== null && live.runId === runId ? live : null,
  );
  const before = spokenBefore(loaded, seq);
  const results = resultsOf(row, loaded);
  const open = view !== null && callsOf(row).length > 0 && results.length > 0;
  return (
    <MessageRow
      row={row}
      continues={continues(loaded, seq)}
      who={who(row.message.author)}
      results={results}
      view={open ? view : null}
      paused={paused && open}
      found={found}
      told={told}
      first={before?.message.role !== "assistant" || before.run_id !== row.run_id}
      last={seq === loaded.head}
      extras={extras}
    />
  );
}

function Skeleton() {
  return (
    <div className={cx(COLUMN, "h-24 pt-6")} role="status" aria-label={t.chat.loadingMessage}>
      <div className="h-3 w-24 animate-pulse-soft rounded-full bg-sunken" />
      <div className="mt-3 h-3 w-3/4 animate-pulse-soft rounded-full bg-sunken" />
      <div className="mt-2 h-3 w-1/2 animate-pulse-soft rounded-full bg-sunken" />
    </div>
  );
}

function callsOf(row: StoredMessage) {
  return row.message.parts.filter((part) => part.type === "tool_call");
}

function resultsOf(row: StoredMessage, loaded: Loaded): (ToolResultPart | undefined)[] {
  return callsOf(row).map((call) => resultOf(loaded, row.seq, call.id));
}

/** Whether the message before (results of tools aside) was said by the same voice. */
function continues(loaded: Loaded, seq: number): boolean {
  const row = loaded.rows.get(seq);
  const before = spokenBefore(loaded, seq);
  return (
    row?.message.role === "assistant" &&
    before?.message.role === "assistant" &&
    (before.message.author ?? null) === (row.message.author ?? null)
  );
}

function spokenBefore(loaded: Loaded, seq: number): StoredMessage | undefined {
  for (let at = seq - 1; at > 0 && at > seq - 60; at--) {
    const row = loaded.rows.get(at);
    if (row && row.message.role !== "tool") return row;
    if (!row && !isAbsent(loaded, at)) return undefined;
  }
  return undefined;
}

function endsWithAgent(loaded: Loaded): boolean {
  return spokenBefore(loaded, loaded.head + 1)?.message.role === "assistant";
}

/** A guess of a row's height in pixels, so that the scroll bar is about right before rows are measured. */
function estimate(loaded: Loaded, seq: number): number {
  const row = loaded.rows.get(seq);
  if (!row) return isAbsent(loaded, seq) ? 0 : 96;
  if (row.message.role === "tool") return 0;
  let height = row.message.role === "user" ? 62 : 86;
  for (const part of row.message.parts) {
    if (part.type === "text") height += 24 * Math.max(0, Math.ceil(part.text.length / 88) + lines(part.text) - 1);
    else if (part.type === "tool_call") height += 46;
    else if (part.type === "reasoning") height += 34;
  }
  return height;
}

function lines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
