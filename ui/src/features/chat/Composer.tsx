/** Where a message is written: it grows with its text, sends with Enter, and turns into a stop button at work. */
import { ArrowUp, Square } from "lucide-react";
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { t } from "~/strings";
import { Hint } from "~/ui/Button";
import { cx } from "~/ui/cx";
import { Kbd } from "~/ui/Kbd";
import { drafts } from "~/ui/prefs";

interface Props {
  /** Drafts are kept under this name. */
  draft: string;
  agent: string | null;
  /** It takes an object, written as JSON. */
  json?: boolean;
  busy: boolean;
  /** Why sending must wait, where stopping would not help. */
  blocked?: string | null;
  stopping: boolean;
  autoFocus?: boolean;
  onSend: (text: string) => Promise<boolean>;
  onStop: () => void;
  /** What stands at its lower left: the choice of the agent. */
  children?: ReactNode;
}

export function Composer(props: Props) {
  const { draft, agent, json = false, busy, blocked, stopping, autoFocus, onSend, onStop, children } = props;
  const placeholder = (json ? t.chat.jsonPlaceholder : t.chat.placeholder)(agent ?? "");
  const [text, setText] = useState(() => drafts.get(draft));
  const area = useRef<HTMLTextAreaElement>(null);
  const label = useId();
  useEffect(() => setText(drafts.get(draft)), [draft]);
  useEffect(() => {
    if (autoFocus && matchMedia("(hover: hover)").matches) area.current?.focus({ preventScroll: true });
  }, [autoFocus, draft]);

  const change = (value: string) => {
    setText(value);
    drafts.set(draft, value);
  };
  const ready = text.trim() !== "" && !busy && agent !== null;
  const send = async () => {
    if (!ready) return;
    change("");
    if (!(await onSend(text.trim()))) change(text); // it did not arrive: give the words back
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void send();
    }
  };
  return (
    <form
      onSubmit={onSubmit}
      className="rounded-xl border border-line-strong bg-raised shadow-2 transition-colors focus-within:border-accent-line"
    >
      <label id={label} htmlFor={`${label}-text`} className="sr-only">
        {placeholder}
      </label>
      <textarea
        ref={area}
        id={`${label}-text`}
        data-composer
        rows={1}
        value={text}
        onChange={(event) => change(event.target.value)}
        onKeyDown={onKeyDown}
        placeholder={blocked ?? placeholder}
        aria-describedby={`${label}-hint`}
        className="field-auto block max-h-[40dvh] min-h-11 w-full resize-none bg-transparent px-4 pt-3 pb-1 text-md outline-none placeholder:text-ink-3 max-md:text-[1rem]"
      />
      <p id={`${label}-hint`} className="sr-only">
        {t.chat.hint}
      </p>
      <div className="flex items-center gap-1.5 px-2 pb-2">
        <div className="flex min-w-0 flex-1 items-center gap-1.5">{children}</div>
        {busy ? (
          <Round label={stopping ? t.chat.stopping : t.chat.stop} keys="mod+." onClick={onStop} disabled={stopping}>
            <Square size={12} fill="currentColor" strokeWidth={0} />
          </Round>
        ) : (
          <Round label={t.chat.send} keys="enter" type="submit" disabled={!ready}>
            <ArrowUp size={17} strokeWidth={2.4} />
          </Round>
        )}
      </div>
    </form>
  );
}

interface RoundProps extends React.ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  keys: string;
}

function Round({ label, keys, type = "button", className, ...rest }: RoundProps) {
  return (
    <Hint text={label} keys={<Kbd keys={keys} />}>
      <button
        type={type}
        aria-label={label}
        className={cx(
          "grid size-8 shrink-0 place-items-center rounded-full bg-accent text-on-accent transition-colors hover:bg-accent-hover disabled:bg-sunken disabled:text-ink-3 max-md:size-10",
          className,
        )}
        {...rest}
      />
    </Hint>
  );
}
