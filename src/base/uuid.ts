/** UUIDs between text and the 16 bytes that frames and the machine's state hold. */
import { UnderstudyError } from "./errors.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws {UnderstudyError} `bad_input_session` unless `text` is a canonical lower-case UUID */
export function uuidToBytes(text: string): Uint8Array {
  if (!UUID.test(text))
    throw new UnderstudyError("bad_input_session", `Cannot use "${text}" as an input session: it is not a lower-case UUID`);
  const hex = text.replaceAll("-", "");
  const out = new Uint8Array(16);
  for (let i = 0; i < 16; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export function bytesToUuid(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
