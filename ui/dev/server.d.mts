import type { Server } from "node:http";

/** Serves the contract and the built UI from memory; port 0 takes a free one. */
export function serve(port?: number, prefix?: string): Promise<Server>;
/** The policy that it sends with every page. */
export const POLICY: string;
