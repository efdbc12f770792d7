/** Copies a text, and says so. */
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { t } from "~/strings";
import { IconButton } from "./Button";

export function CopyButton({
  text,
  label = t.common.copy,
  className,
}: {
  text: string | (() => string);
  label?: string;
  className?: string;
}) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 1400);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    await write(typeof text === "string" ? text : text());
    setDone(true);
  };
  return (
    <IconButton small label={done ? t.common.copied : label} className={className} onClick={() => void copy()}>
      {done ? <Check size={14} className="text-ok" /> : <Copy size={14} />}
    </IconButton>
  );
}

/** Outside secure contexts there is no `navigator.clipboard`: the old way still works there. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
