/** The secrets of a first start: the join token of workers and the first API token, each in a file that only its owner reads. */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UnderstudyError } from "../base/errors.ts";
import type { Database } from "./db/database.ts";
import { registerToken } from "./db/queries/tokens.ts";

/** @throws {UnderstudyError} `bad_setting` where the file cannot be read or made */
export function obtainJoinToken(given: string | null, file: string): string {
  return given ?? obtainSecret(file, "usj_");
}

/**
 * Registers the API token: the one that was given, or the one in the file, which is made where it is not there. The
 * database keeps its SHA-256 only.
 * @returns true if the token was not known before
 */
export async function obtainApiToken(database: Database, given: string | null, file: string): Promise<boolean> {
  const secret = given ?? obtainSecret(file, "ust_");
  return registerToken(database.db, given === null ? "first" : "given", secret);
}

function obtainSecret(file: string, prefix: string): string {
  try {
    if (existsSync(file)) {
      const secret = readFileSync(file, "utf8").trim();
      if (secret !== "") return secret;
    }
    const secret = `${prefix}${randomBytes(24).toString("base64url")}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
    return secret;
  } catch (cause) {
    throw new UnderstudyError(
      "bad_setting",
      `Cannot read or make the token file ${file}: ${(cause as Error).message}. Set another place for it`,
      { cause },
    );
  }
}
