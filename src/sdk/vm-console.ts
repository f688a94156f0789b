/** The console of one VM: attach to it, or read and type by single calls; who is attached to it, and tickets for pages. */
import type { RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import type { AttachOptions, ConsoleDependencies } from "./console-stream.ts";
import { ConsoleStream } from "./console-stream.ts";
import { ProtocolError } from "./errors.ts";
import { EXTRA_TIMEOUT_HEADER } from "./transport.ts";

export type ConsoleSessionResource = Schemas["ConsoleSession"];
export type ConsoleTicket = Schemas["ConsoleTicket"];
export type ConsoleInputAck = Schemas["ConsoleInputAck"];

export interface ReadOutputOptions {
  /** Default `start`: the oldest byte that is held. */
  readonly from?: bigint | "start" | "end" | `tail:${number}`;
  /** Default 64 KiB, at most 1 MiB. */
  readonly maxBytes?: number;
  /** How long the service waits for a byte where there is none yet, whole seconds up to 60. Default 0. */
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface ConsoleOutput {
  readonly data: Uint8Array;
  /** Of `data[0]`: beyond `from` where that is not kept. */
  readonly start: bigint;
  /** Bytes from `from` on that are not kept, from the first to before the second; null: all are. */
  readonly gap: { readonly from: bigint; readonly to: bigint } | null;
  /** Where to go on. */
  readonly next: bigint;
  readonly oldest: bigint;
}

export interface TypeOptions {
  /** UUID; its bytes are counted from 0. */
  readonly inputSession: string;
  /** Of `data[0]` in the session: what was typed before is not typed again. */
  readonly offset: bigint;
  readonly signal?: AbortSignal;
}

interface VmConsoleDependencies {
  readonly raw: RawClient;
  readonly console: Omit<ConsoleDependencies, "vm">;
}

export class VmConsole {
  constructor(
    private readonly dependencies: VmConsoleDependencies,
    private readonly vm: string,
  ) {}

  attach(options?: AttachOptions): Promise<ConsoleStream> {
    return ConsoleStream.attach({ ...this.dependencies.console, vm: this.vm }, options);
  }

  /** One piece of output; none where there is nothing behind `from` yet. */
  async read(options: ReadOutputOptions = {}): Promise<ConsoleOutput> {
    const { from, maxBytes, waitSeconds = 0, signal } = options;
    const query = {
      ...(from === undefined ? {} : { from: from.toString() }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(waitSeconds === 0 ? {} : { wait: waitSeconds }),
    };
    const answer = await this.dependencies.raw.GET("/v1/vms/{vm}/console/output", {
      params: { path: { vm: this.vm }, query },
      headers: { [EXTRA_TIMEOUT_HEADER]: waitSeconds * 1000 },
      parseAs: "arrayBuffer",
      ...(signal === undefined ? {} : { signal }),
    });
    // An empty body is no data to the client below.
    const data = new Uint8Array((answer.response.ok ? (answer.data ?? []) : unwrap(answer)) as ArrayBuffer);
    const offset = (name: string): bigint => {
      const text = answer.response.headers.get(`console-offset-${name}`);
      if (text === null) throw new ProtocolError(`Cannot use the output of ${this.vm}: the answer lacks Console-Offset-${name}`);
      return BigInt(text);
    };
    const missing = /^(\d+)-(\d+)$/.exec(answer.response.headers.get("console-gap") ?? "");
    const gap = missing === null ? null : { from: BigInt(missing[1] as string), to: BigInt(missing[2] as string) + 1n };
    return { data, start: offset("start"), next: offset("next"), oldest: offset("oldest"), gap };
  }

  /**
   * Types bytes, at most 48 KiB, in an input session; the same call again has the effect of one.
   *
   * @throws {InputOffsetGapError} where bytes of the session lack before `offset`; {ConsoleWriterBusyError} where somebody else may write
   */
  async type(data: string | Uint8Array, { inputSession, offset, signal }: TypeOptions): Promise<ConsoleInputAck> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const body = { inputSession, offset: offset.toString(), data: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
    return unwrap(
      await this.dependencies.raw.POST("/v1/vms/{vm}/console/input", {
        params: { path: { vm: this.vm } },
        body,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  /** Who is attached, on any control plane. */
  async sessions(call: { readonly signal?: AbortSignal } = {}): Promise<readonly ConsoleSessionResource[]> {
    return unwrap(await this.dependencies.raw.GET("/v1/vms/{vm}/console/sessions", { params: { path: { vm: this.vm } }, ...call })).items;
  }

  /** Closes the connection of one who is attached. */
  async endSession(session: string, call: { readonly signal?: AbortSignal } = {}): Promise<ConsoleSessionResource> {
    const path = { vm: this.vm, session };
    return unwrap(await this.dependencies.raw.DELETE("/v1/vms/{vm}/console/sessions/{session}", { params: { path }, ...call }));
  }

  /** What a page attaches by, once and within a minute, without holding a token. */
  async ticket(options: { readonly mode?: "read" | "write"; readonly signal?: AbortSignal } = {}): Promise<ConsoleTicket> {
    const { mode = "read", signal } = options;
    return unwrap(
      await this.dependencies.raw.POST("/v1/vms/{vm}/console/tickets", {
        params: { path: { vm: this.vm } },
        body: { mode },
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }
}
