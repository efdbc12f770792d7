/** Markdown of a model, safely: parsed in blocks, each cleaned and kept, so that streaming redraws only the last one. */
import DOMPurify from "dompurify";
import { marked, type Token, type TokensList } from "marked";
import { memo, type MouseEvent, useMemo } from "react";
import { CodeBlock } from "./Highlighted";

// A purifier of our own: hooks on the shared one would reach everybody.
const purifier = typeof window === "undefined" ? null : DOMPurify(window);

purifier?.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A" && !node.classList.contains("cite")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  if (node.tagName === "INPUT") {
    node.setAttribute("disabled", "");
    node.setAttribute("aria-label", node.hasAttribute("checked") ? "done" : "to do");
  }
});

const RULES = {
  USE_PROFILES: { html: true },
  // Pictures would be fetched from wherever the model says: a way to leak what it knows. They become links.
  FORBID_TAGS: [
    "img",
    "picture",
    "video",
    "audio",
    "source",
    "style",
    "form",
    "button",
    "textarea",
    "select",
    "iframe",
    "svg",
    "math",
  ],
  FORBID_ATTR: ["style", "srcset", "background", "poster", "id", "name"],
  // Every attribute value is held against this: no scheme but these, and plain words without one.
  ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto|tel):|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
};

const renderer = new marked.Renderer();
renderer.image = ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`;
// HTML of a model is shown as the text it is, but for a few tags without attributes that say how words look.
renderer.html = ({ text }) =>
  text
    .split(/(<\/?(?:br|sub|sup|kbd|u|mark|details|summary)\s*\/?>)/i)
    .map((piece, at) => (at % 2 ? piece : escape(piece)))
    .join("");
const plainTable = renderer.table;
renderer.table = function (token) {
  return `<div class="table-wrap" tabindex="0" role="region" aria-label="Table">${plainTable.call(this, token)}</div>`;
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The numbers that stand for sources: `[3]` and `[3, 7]` become links, where these are known. Set while one block is parsed. */
let known: ReadonlySet<number> = new Set();
const plainText = renderer.text;
renderer.text = function (token) {
  const html = plainText.call(this, token);
  return known.size === 0 || ("tokens" in token && token.tokens) ? html : linked(html, known);
};

/** Escaped text with its citations as links. Exported for tests. */
export function linked(html: string, sources: ReadonlySet<number>): string {
  return html.replace(/\[(\d{1,9}(?:\s*,\s*\d{1,9})*)\]/g, (all, list: string) => {
    const numbers = list.split(",").map(Number);
    if (!numbers.some((n) => sources.has(n))) return all;
    return `[${numbers.map((n) => (sources.has(n) ? `<a href="#source-${n}" class="cite">${n}</a>` : n)).join(", ")}]`;
  });
}

/** HTML that may be put into the page. */
export function cleanHtml(tokens: Token[], sources: ReadonlySet<number> = new Set()): string {
  known = sources;
  try {
    const html = marked.parser(tokens, { renderer, gfm: true });
    return purifier ? purifier.sanitize(html, RULES) : "";
  } finally {
    known = new Set();
  }
}

interface Props {
  text: string;
  className?: string;
  /** Numbers that the text may cite, such as `[3]`. */
  sources?: ReadonlySet<number>;
  onCite?: (n: number) => void;
}

export const Markdown = memo(function Markdown({ text, className = "", sources = NONE, onCite }: Props) {
  const tokens = useMemo(() => marked.lexer(text, { gfm: true, breaks: true }), [text]);
  const cites = [...sources].join();
  const open = (event: MouseEvent<HTMLElement>) => {
    const n = /^#source-(\d+)$/.exec((event.target as HTMLElement).closest("a.cite")?.getAttribute("href") ?? "")?.[1];
    if (!n) return;
    event.preventDefault();
    onCite?.(Number(n));
  };
  return (
    <div className={`prose ${className}`} onClick={sources.size > 0 ? open : undefined}>
      {tokens.map((token, at) =>
        token.type === "space" ? null : (
          <Block key={at} token={token} raw={token.raw} links={linksKey(tokens)} sources={sources} cites={cites} />
        ),
      )}
    </div>
  );
});

const NONE: ReadonlySet<number> = new Set();

function linksKey(tokens: Token[] | TokensList): string {
  return "links" in tokens ? Object.keys(tokens.links).join("\n") : "";
}

interface BlockProps {
  token: Token;
  raw: string;
  links: string;
  sources: ReadonlySet<number>;
  /** The same as one word, to compare by. */
  cites: string;
}

const Block = memo(
  function Block({ token, sources }: BlockProps) {
    if (token.type === "code") {
      const language = ((token.lang as string | undefined) ?? "").trim().split(/\s/)[0] ?? "";
      return (
        <div className="prose-block">
          <CodeBlock code={token.text as string} language={language.toLowerCase()} />
        </div>
      );
    }
    return <div className="prose-block" dangerouslySetInnerHTML={{ __html: cleanHtml([token], sources) }} />;
  },
  (before, after) => before.raw === after.raw && before.links === after.links && before.cites === after.cites,
);
