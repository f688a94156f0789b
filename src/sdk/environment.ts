/**
 * What differs between Node and a browser: environment variables, files, and the WebSocket that can be had.
 *
 * The Node modules are imported when they are needed, so a browser bundle marks `ws` and `node:*` external and never asks.
 */

export function isNode(): boolean {
  return typeof process !== "undefined" && typeof process.versions?.node === "string";
}

/** @returns null in a browser, and for a variable that is unset or empty */
export function environmentVariable(name: string): string | null {
  if (!isNode()) return null;
  const value = process.env[name];
  return value === undefined || value === "" ? null : value;
}

/** @returns the file's text without white space around it; null where there is no such file */
export async function readTextFile(path: string): Promise<string | null> {
  const { readFile } = await import("node:fs/promises");
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}
