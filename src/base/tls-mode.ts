/** Whether two processes of an installation speak TLS with each other: plain is for one machine's loopback alone, unless told otherwise. */
import { UnderstudyError } from "./errors.ts";

/** `auto`: wherever an address is not the loopback's. */
export type TlsMode = "auto" | "always" | "never";

const TLS_MODES: readonly string[] = ["auto", "always", "never"] satisfies readonly TlsMode[];

/** @throws {UnderstudyError} `bad_setting` */
export function readTlsMode(text: string | undefined): TlsMode {
  if (text === undefined || text === "") return "auto";
  if (TLS_MODES.includes(text)) return text as TlsMode;
  throw new UnderstudyError("bad_setting", `Cannot use UNDERSTUDY_TLS: it is "${text}", wanted is ${TLS_MODES.join(", ")}`);
}

/** @param hosts under which a listener is reached */
export function speaksTls(mode: TlsMode, ...hosts: readonly string[]): boolean {
  return mode === "always" || (mode === "auto" && !hosts.every(isLoopback));
}

/** A name other than `localhost` may be any machine's, and a wildcard is everybody's. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "localhost" || bare === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(bare);
}
