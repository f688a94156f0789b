/** Typed ids: a prefix and a ULID, so that ids sort by the time they were made. Time and chance are arguments. */
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export type IdPrefix = "vm" | "rep" | "wrk" | "img" | "op" | "fo" | "tok" | "evt" | "con" | "req" | "aud";

/** @param entropy 10 random bytes */
export function makeId(prefix: IdPrefix, nowMs: number, entropy: Uint8Array): string {
  let value = BigInt(nowMs);
  for (let i = 0; i < 10; i++) value = (value << 8n) | BigInt(entropy[i] ?? 0);
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = CROCKFORD[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return `${prefix}_${text}`;
}

/** A name is an RFC 1123 label, an id has an underscore: the same path segment takes both. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(`${prefix}_`);
}
