/** Reads `text/event-stream` bytes, piece by piece, as the HTML standard says (section 9.2). */

export interface ServerEvent {
  /** "message" where the server gave none. */
  event: string;
  data: string;
  /** The last `id:` seen so far in the stream, or "". */
  id: string;
}

export interface SseParser {
  /** Takes the next piece of text; gives the events that are complete with it. */
  push(piece: string): ServerEvent[];
  /** What the server asked for with `retry:`, in milliseconds. */
  readonly retry: number | undefined;
}

export function sseParser(): SseParser {
  let rest = "";
  let first = true;
  let id = "";
  let event = "";
  let data: string[] = [];
  let retry: number | undefined;

  function line(text: string, out: ServerEvent[]): void {
    if (text === "") {
      if (data.length > 0) out.push({ event: event || "message", data: data.join("\n"), id });
      event = "";
      data = [];
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return; // a comment: the server is alive
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + (text[colon + 1] === " " ? 2 : 1));
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) retry = Number(value);
  }

  return {
    get retry() {
      return retry;
    },
    push(piece) {
      if (first && piece !== "") {
        piece = piece.replace(/^\uFEFF/, "");
        first = false;
      }
      rest += piece;
      const out: ServerEvent[] = [];
      let start = 0;
      for (;;) {
        const end = lineEnd(rest, start);
        if (!end) break;
        line(rest.slice(start, end.at), out);
        start = end.next;
      }
      rest = rest.slice(start);
      return out;
    },
  };
}

/** Where the line that begins at `from` ends. A CR that is last in the text waits: an LF may follow. */
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "\n") return { at, next: at + 1 };
    if (char === "\r") {
      if (at + 1 === text.length) return undefined;
      return { at, next: text[at + 1] === "\n" ? at + 2 : at + 1 };
    }
  }
  return undefined;
}
