/** English. */
const plural = (n: number, one: string, many: string) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const en = {
  app: "Weft",
  skip: "Skip to content",
  demoModel: "demo model",
  demoExplained:
    "No model is set up, so a built-in demo model answers: it streams, calls tools and asks for approval, but it does not think.",
  nav: { label: "Main", home: "Home", chat: "Chat", threads: "Threads", runs: "Runs", menu: "Open menu", collapse: "Toggle sidebar" },
  theme: { label: "Theme", light: "Light", dark: "Dark", system: "System" },
  server: {
    ok: "Connected",
    down: "Server unreachable",
    downDetail: "Trying again on its own. Runs go on without this page.",
    storeDown: "The database does not answer.",
    version: (v: string) => `Version ${v}`,
    defaultModel: "Default model",
    store: "Store",
    workspace: "Workspace",
  },
  status: {
    queued: "Queued", running: "Running", sleeping: "Sleeping", paused: "Waiting for you",
    finished: "Finished", failed: "Failed", cancelled: "Cancelled", dead: "Given up",
  },
  common: {
    loading: "Loading", retry: "Try again", cancel: "Cancel", close: "Close", save: "Save", copy: "Copy", copied: "Copied",
    more: "More", loadMore: "Load more", unknown: "unknown", none: "—", search: "Search", clear: "Clear", show: "Show", hide: "Hide",
    showAll: "Show all", showLess: "Show less", actions: "Actions", untitled: "Untitled thread", notFound: "Nothing is here",
    notFoundDetail: "The address is wrong, or what was here has been deleted.", goHome: "Go home",
    broken: "This page has failed", reload: "Reload",
  },
  errors: { title: "That did not work", load: (what: string) => `Could not load ${what}` },
  home: {
    title: "What shall be done?",
    lines: [
      ["Talk to an agent.", "Pick one and say what you want; you see every thought, tool call and token as it happens."],
      ["Close the tab whenever you like.", "Runs live on the server. Come back, on any device, and you are where it is."],
      ["Look inside.", "Every run is on record: what the model saw, how long each step took, what it cost."],
    ] as const,
    agents: "Agents",
    noAgents: "No agents yet",
    noAgentsDetail: "Define one in Python or YAML, and it appears here:",
    waiting: "Waiting for you",
    recent: "Lately",
  },
  agent: {
    pick: "Choose an agent", tools: (n: number) => plural(n, "tool", "tools"), noTools: "no tools", structured: "structured output",
    effect: { read: "reads only", idempotent: "safe to repeat", once: "runs once" } as Record<string, string>,
    approval: "asks first", instructions: "Instructions", model: "Model", toolsTitle: "Tools", details: (name: string) => `About ${name}`,
    gone: (name: string) => `The agent “${name}” is not served any more.`,
  },
  chat: {
    title: "Chat", new: "New chat", placeholder: (agent: string) => `Message ${agent}`, send: "Send", stop: "Stop", stopping: "Stopping…",
    you: "You", assistant: "Assistant", system: "System", hint: "Enter sends, Shift + Enter makes a new line",
    thinking: "Thinking", thought: "Thoughts", thoughtFor: (d: string) => `Thought for ${d}`, redacted: "The provider keeps this thought to itself.",
    working: "Working", queued: "Waiting for its turn", sleeping: "Sleeping until its time has come", reconnecting: "Connection lost. The run goes on; reconnecting…",
    empty: "A new thread", emptyDetail: "Say something to begin.", conversation: "Conversation", jumpEnd: "Jump to the newest message",
    failed: "The run has failed", dead: "The run was given up", cancelled: "Stopped", cancelledWhy: (why: string) => `Stopped: ${why}`, again: "Try again", seeRun: "See run",
    waitFirst: "Answer the question above first", answerOf: "message", compacted: "The model sees from here on", summarised: "What came before is summarised for the model",
    find: "Find in thread", findPlaceholder: "Find in thread", findLoading: (done: number, all: number) => `Reading ${done} of ${all}`,
    findCount: (at: number, all: number) => (all === 0 ? "No match" : `${at} of ${all}`), findNext: "Next match", findPrevious: "Previous match",
    context: "Context", rename: "Rename", delete: "Delete", threadActions: "Thread actions", threads: "Threads", loadingMessage: "Loading message", toNewest: "New messages below",
    attachment: "Attachment", output: "Structured output", limit: "Limit reached",
  },
  tool: {
    running: "Running", done: "Done", failed: "Failed", waiting: "Waiting", asked: "Waiting for approval", noResult: "No result on record", arguments: "Arguments", result: "Result",
    invalid: "The model wrote something that is no JSON object", noArguments: "no arguments", call: (name: string) => `Tool ${name}`,
  },
  question: {
    title: "Approval needed", ask: "A question for you", approve: "Approve", reject: "Reject", reason: "Reason (optional)", answer: "Answer", send: "Send answer",
    json: "Answer as JSON", invalidJson: "This is not valid JSON.", required: "Please fill this in.", edit: "Edit", respond: "Answer instead", back: "Back", editLabel: "Arguments to approve instead", approveEdited: "Approve as edited", respondLabel: "The tool is not run; the model reads this as its result",
  },
  threads: {
    title: "Threads", lead: "Every conversation, kept whole.", empty: "No threads yet", emptyDetail: "A thread begins with the first message of a chat.", search: "Search titles",
    noMatch: (q: string) => `No thread’s title has “${q}”`, messages: (n: number) => plural(n, "message", "messages"), renameTitle: "Rename thread", renameLabel: "Title", deleteTitle: "Delete this thread?",
    deleteDetail: (title: string) => `“${title}” goes with all its messages, runs and events. This cannot be undone.`, deleted: "Thread deleted", agent: "Agent", updated: "Updated", name: "Title", size: "Messages", actionsOf: (title: string) => `Actions of ${title}`,
  },
  context: {
    title: "What the model sees", lead: "The context of the next call, by where it comes from.", tokens: (n: string) => `${n} tokens`, startsAt: (n: number) => `Begins at message ${n}`, summary: "Summary of what came before",
    empty: "Nothing yet: the context is built when the first run starts.", goTo: (n: number) => `Go to message ${n}`, sources: "By source",
    source: { instructions: "Instructions", tools: "Tools", summary: "Summary", message: "Messages", messages: "Messages", memory: "Memory", thread: "Messages", repaired: "Repaired" } as Record<string, string>,
  },
  runs: {
    title: "Runs", lead: "Each move of a thread, from an input to rest.", empty: "No runs yet", emptyDetail: "Start a chat, or POST to /api/v1/runs.", emptyFilter: "No run has this status", filter: "Status", all: "All", target: "Target", run: "Run",
    status: "Status", input: "Input", output: "Output", started: "Started", duration: "Duration", tokens: "Tokens", cost: "Cost", thread: "Thread", openThread: "Open thread", cancel: "Cancel run", cancelled: "Run cancelled", error: "Error",
    timeline: "Timeline", events: "Events", data: "Data", noEvents: "No events yet", inTokens: "in", outTokens: "out", cached: "Cached", reasoning: "reasoning", requests: (n: number) => plural(n, "model call", "model calls"), nEvents: (n: number) => plural(n, "event", "events"),
    filterEvents: "Filter events", noneMatch: "No event matches", kind: { node: "Node", model: "Model", tool: "Tool" }, firstPiece: "First token after", attempt: (n: number) => `attempt ${n}`, finish: "Ended with", path: "Path", live: "Live", elapsed: "Elapsed", spanDetail: "Details", none: "Nothing has run yet", of: (what: string) => `Run of ${what}`,
    unknownCost: "A price was unknown", select: "Choose a bar to see its details", created: "Created", id: "Run id", copyId: "Copy run id", forgotten: "The input is the first message of the run.",
  },
  palette: { open: "Command palette", placeholder: "Go to, start, find…", empty: "Nothing found", go: "Go to", agents: "Start a chat with", threads: "Threads", actions: "Actions", theme: (name: string) => `Theme: ${name}`, shortcuts: "Keyboard shortcuts" },
  shortcuts: {
    title: "Keyboard shortcuts", palette: "Command palette", newChat: "New chat", home: "Home", threads: "Threads", runs: "Runs", sidebar: "Toggle sidebar", find: "Find in thread", stop: "Stop the run", send: "Send", help: "This list", newline: "New line", chat: "Chat", focus: "Write a message", then: "then",
  },
};
