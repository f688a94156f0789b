/** Calls of a control plane's internal listener over HTTP, and how this worker shows who it is: there, and on its control channels. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { UnderstudyError } from "../base/errors.ts";
import { tlsFailure } from "../pki/tls-peer.ts";

const ANSWER_TIMEOUT_MS = 30_000;
const BODY_BYTES_MAX = 256 * 1024;

/** The join token where a control plane is reached in plain, or a certificate is still to be had; else the certificate. */
export interface ControlAccess {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ConnectionOptions;
}

interface ControlRequest {
  readonly method: "GET" | "POST";
  readonly access: ControlAccess;
  readonly headers?: Readonly<Record<string, string>>;
  /** Becomes JSON. */
  readonly body?: unknown;
}

/** @param controlUrl of a control channel; `path` is on the same listener */
export function requestControl(
  controlUrl: URL,
  path: string,
  { method, access, headers = {}, body }: ControlRequest,
): Promise<IncomingMessage> {
  const url = new URL(path, controlUrl);
  url.protocol = controlUrl.protocol === "wss:" ? "https:" : "http:";
  const text = body === undefined ? null : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      ...access.tls,
      method,
      // A connection of its own, by what is shown now: no session of an older certificate is taken up again.
      agent: false,
      headers: { ...access.headers, ...headers, ...(text === null ? {} : { "content-type": "application/json" }) },
      timeout: ANSWER_TIMEOUT_MS,
    });
    asked.on("response", resolve);
    asked.on("timeout", () => asked.destroy(new Error(`the control plane did not answer within ${ANSWER_TIMEOUT_MS} ms`)));
    asked.on("error", (error) => reject(tlsFailure(error)));
    asked.end(text ?? undefined);
  });
}

/** @throws {UnderstudyError} `join_refused` for an answer that says no, `malformed_message` for one that is no JSON */
export async function readAnswer(response: IncomingMessage, controlUrl: URL): Promise<unknown> {
  const text = await readText(response);
  const status = response.statusCode ?? 0;
  if (status >= 400 && status < 500) throw refusalOf(controlUrl, status, text);
  if (status !== 200) throw new Error(`the control plane answered HTTP ${status}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnderstudyError("malformed_message", `Cannot read what ${controlUrl} answered: it is not JSON`, { cause });
  }
}

/** What a control plane that will not have this worker says; `details.reason` is its code for it. */
export function refusalOf(controlUrl: URL, status: number, body: string): UnderstudyError {
  const { detail, reason } = problemIn(body);
  const why = detail ?? "the join token is wrong";
  return new UnderstudyError("join_refused", `Cannot join the control plane at ${controlUrl}: it answered HTTP ${status}, ${why}`, {
    details: { reason },
  });
}

/** @throws {Error} for one that is longer than any that is wanted */
export async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`the control plane's answer is longer than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Of RFC 9457; a server that is no control plane says something else. */
function problemIn(body: string): { readonly detail?: string; readonly reason?: string } {
  try {
    const { detail, reason } = JSON.parse(body) as Record<string, unknown>;
    return { ...(typeof detail === "string" ? { detail } : {}), ...(typeof reason === "string" ? { reason } : {}) };
  } catch {
    return {};
  }
}
