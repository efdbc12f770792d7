/** Code with its syntax in colours. The highlighter is a chunk of its own, loaded with the first code that is shown. */
import { memo, useEffect, useState } from "react";
import { CopyButton } from "./CopyButton";

type Highlight = (code: string, language: string) => string | null;

let loaded: Highlight | null = null;
let loading: Promise<Highlight> | null = null;

function load(): Promise<Highlight> {
  loading ??= import("./highlight").then((module) => (loaded = module.highlight));
  return loading;
}

/** Longer code stays plain: colouring it would hold the page up. Characters. */
const MOST = 40_000;

function useHighlighted(code: string, language: string): string | null {
  const [, ready] = useState(loaded !== null);
  const wanted = language !== "" && code.length <= MOST;
  useEffect(() => {
    if (!wanted || loaded) return undefined;
    let mounted = true;
    void load().then(() => mounted && ready(true));
    return () => void (mounted = false);
  }, [wanted]);
  return wanted && loaded ? loaded(code, language) : null;
}

/** The code itself, without a frame. highlight.js escapes all text; what it adds are spans with classes. */
export const Highlighted = memo(function Highlighted({ code, language }: { code: string; language: string }) {
  const html = useHighlighted(code, language);
  return html === null ? <code>{code}</code> : <code dangerouslySetInnerHTML={{ __html: html }} />;
});

/** A block of code with its language and a copy button. */
export const CodeBlock = memo(function CodeBlock({ code, language }: { code: string; language: string }) {
  return (
    <div className="group/code relative overflow-hidden rounded-lg border border-line bg-sunken">
      <div className="flex h-8 items-center justify-between border-b border-line pr-1 pl-3.5">
        <span className="font-mono text-2xs text-ink-3">{language || "text"}</span>
        <CopyButton text={code} />
      </div>
      <pre
        tabIndex={0}
        aria-label={language || "text"}
        className="overflow-x-auto px-3.5 py-3 font-mono text-[0.8125rem] leading-[1.6]"
      >
        <Highlighted code={code} language={language} />
      </pre>
    </div>
  );
});
