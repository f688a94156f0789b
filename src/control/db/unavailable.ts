/** Tells a database that does not answer from a query that it refused. */

/** SQLSTATE classes and codes of a server that is not there, not ready, going away, or out of disk, memory or connections. */
const SQLSTATE = /^(08...|53...|58030|57P0[1-5]|57014|55P03)$/;
const SYSTEM = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
const CLIENT =
  /query read timeout|timeout exceeded when trying to connect|connection terminated|client has encountered a connection error|timeout expired|client was closed|cannot use a pool after calling end/i;

/** True where the same query may succeed once the database is back; walks the chain of causes. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && (SQLSTATE.test(code) || (SYSTEM.has(code) && !isFileError(at)))) return true;
    if (CLIENT.test(at.message)) return true;
    if (at instanceof AggregateError && at.errors.some((inner) => isDatabaseUnavailable(inner))) return true;
  }
  return false;
}

/** The SQLSTATE of a refused query, for the few that have a meaning of their own. */
export function sqlState(error: unknown): { code: string; constraint: string | null } | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++) {
    const { code, constraint } = at as { code?: unknown; constraint?: unknown };
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) {
      return { code, constraint: typeof constraint === "string" ? constraint : null };
    }
  }
  return null;
}

/** True where a value cannot be what the query takes it for: a time that is none, a number too large, a pattern that ends in its escape. */
export function isRefusedData(error: unknown): boolean {
  return sqlState(error)?.code.startsWith("22") === true;
}

/** ENOENT of a socket is a database that is down; ENOENT of a file is something else. */
function isFileError(error: Error): boolean {
  const { syscall } = error as { syscall?: unknown };
  return typeof syscall === "string" && syscall !== "connect" && syscall !== "read" && syscall !== "write";
}
