/** A certificate and its private key in PEM files of their owner's, as two settings name them. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { UnderstudyError } from "../base/errors.ts";

export interface PemFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/** The variables that name the files of one pair. */
export interface PemSettings {
  readonly certificate: string;
  readonly privateKey: string;
}

export const AUTHORITY_FILES: PemSettings = { certificate: "UNDERSTUDY_CA_FILE", privateKey: "UNDERSTUDY_CA_KEY_FILE" };
export const API_CERTIFICATE_FILES: PemSettings = { certificate: "UNDERSTUDY_TLS_CERT", privateKey: "UNDERSTUDY_TLS_KEY" };

/**
 * @returns null where neither is set
 * @throws {UnderstudyError} `bad_setting` where one is
 */
export function namedPemFiles(told: Readonly<Record<string, string | undefined>>, names: PemSettings): PemFiles | null {
  const [certificate, privateKey] = [told[names.certificate], told[names.privateKey]];
  if (certificate === undefined && privateKey === undefined) return null;
  if (certificate !== undefined && privateKey !== undefined) return { certificate: resolve(certificate), privateKey: resolve(privateKey) };
  throw new UnderstudyError(
    "bad_setting",
    `Cannot use a certificate of your own without both ${names.certificate} and ${names.privateKey}`,
  );
}

/**
 * @returns what the files hold
 * @throws {UnderstudyError} `bad_setting` where one cannot be read
 */
export function readPemFiles(files: PemFiles, names: PemSettings): Readonly<Record<keyof PemFiles, string>> {
  try {
    return { certificate: readFileSync(files.certificate, "utf8"), privateKey: readFileSync(files.privateKey, "utf8") };
  } catch (cause) {
    throw unusablePemFiles(names, `${(cause as Error).message}; files that can be read are wanted`, cause);
  }
}

export function unusablePemFiles(names: PemSettings, why: string, cause: unknown): UnderstudyError {
  return new UnderstudyError("bad_setting", `Cannot use ${names.certificate} and ${names.privateKey}: ${why}`, { cause });
}
