/** English: one file for each corner of the interface. */
import { chat } from "./en/chat";
import { common } from "./en/common";
import { knowledge } from "./en/knowledge";
import { memory } from "./en/memory";
import { permission } from "./en/permission";
import { runs } from "./en/runs";
import { shell } from "./en/shell";
import { steering } from "./en/steering";
import { threads } from "./en/threads";
import { travel } from "./en/travel";

export const en = {
  ...shell,
  ...common,
  ...chat,
  ...steering,
  ...travel,
  ...threads,
  ...runs,
  ...permission,
  ...memory,
  ...knowledge,
};
