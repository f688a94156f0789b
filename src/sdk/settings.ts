/** What a client is told of its service, checked: the address, and the token. */
import { readTextFile } from "./environment.ts";
import { ConfigurationError } from "./errors.ts";

export const DEFAULT_API_URL = "http://127.0.0.1:8080";
/** Where `understudy up` leaves the token, seen from the directory in which it was started. */
export const DEFAULT_TOKEN_FILE = ".understudy/token";

/** What a header can hold, whatever sends it. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * @param source where the address is from, such as "the option url"
 * @returns the address without a slash at its end
 * @throws {ConfigurationError} unless it is one of http or https, with nothing behind the path
 */
export function checkApiUrl(text: string, source: string): string {
  // What stands before an @ may be a password, which is not shown.
  const shown = text.includes("@") ? "the URL" : `the URL ${JSON.stringify(text)}`;
  const refuse = (why: string) => new ConfigurationError(`Cannot use ${shown} of ${source}: ${why}, such as ${DEFAULT_API_URL}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse(
      /^https?:/i.test(text) ? "it has to have a host, and a port that there can be" : "it has to begin with http:// or https://",
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse("it has to begin with http:// or https://");
  if (url.username !== "" || url.password !== "") throw refuse("it has to be without a user and a password");
  if (url.search !== "" || url.hash !== "") throw refuse("it has to be without a query and a fragment");
  return url.href.replace(/\/+$/, "");
}

/**
 * @param source where the token is from, such as "the environment variable UNDERSTUDY_TOKEN": it is named instead of the token
 * @returns the token without white space around it
 * @throws {ConfigurationError} unless a header can hold it
 */
export function checkToken(text: string, source: string): string {
  const token = text.trim();
  if (VISIBLE_ASCII.test(token)) return token;
  const why =
    token === "" ? "it is empty" : "it has other characters than visible ASCII ones, such as a space, a line break or a typographic quote";
  throw new ConfigurationError(`Cannot use the token of ${source}: ${why}`);
}

/**
 * @returns the token in the file; null where there is no such file, or nothing in it yet
 * @throws {ConfigurationError} where the file cannot be read, or what it holds is no token
 */
export async function readToken(path: string): Promise<string | null> {
  const text = await readTextFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigurationError(`Cannot read the token from the file ${path}: ${reasonOf(error)}`, { cause: error });
  });
  return text === null || text === "" ? null : checkToken(text, `the file ${path}`);
}

/** As `readToken`, of a file that somebody named: it has to be there. */
export async function readNamedToken(path: string): Promise<string> {
  const token = await readToken(path);
  if (token === null) throw new ConfigurationError(`Cannot read the token from the file ${path}: there is no such file, or it is empty`);
  return token;
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EISDIR") return "it is a folder";
  return code === "EACCES" ? "it may not be read" : message;
}
