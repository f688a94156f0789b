/** Subprotocols of the console's WebSocket: with offsets and messages, and bytes alone. */
export const CONSOLE_V1 = "understudy.console.v1";
export const CONSOLE_RAW = "understudy.console.raw";
export const CONSOLE_SUBPROTOCOLS = [CONSOLE_V1, CONSOLE_RAW] as const;
export type ConsoleSubprotocol = (typeof CONSOLE_SUBPROTOCOLS)[number];

/** @returns the first of those that a client offers which is one of ours, as the handshake answers it */
export function chooseSubprotocol(offered: ReadonlySet<string>): ConsoleSubprotocol | null {
  for (const subprotocol of offered) for (const ours of CONSOLE_SUBPROTOCOLS) if (subprotocol === ours) return ours;
  return null;
}
