/**
 * `understudy vm console <vm>`: the console in this terminal, over failovers and disconnects.
 *
 * In a terminal, keys go to the guest one by one and Ctrl-] leaves; the history is shown without what would make the terminal
 * answer. Where stdin is a file or a pipe, its bytes are typed, and the command ends once all of them are acknowledged and the
 * guest has been quiet for a second, or for `--quiet`. A guest that has never written anything still boots, and is waited for longer.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { AttachOptions, ConsoleStream } from "../sdk/index.ts";
import { VmDeletedError } from "../sdk/index.ts";
import { connect } from "./connection.ts";
import { parseInteger } from "./output.ts";
import { note, type Shell } from "./shell.ts";
import { HistoryFilter } from "./terminal-queries.ts";

const ESCAPE = 0x1d;
const QUIET_SECONDS = 1;
/** So many times as long for the first byte of a guest. */
const BOOT_FACTOR = 30;

export type From = NonNullable<AttachOptions["from"]>;

interface Options {
  readonly readOnly?: boolean;
  readonly from: From;
  readonly takeover?: boolean;
  readonly quiet: number;
}

export function addVmConsole(vm: Command, shell: Shell): void {
  vm.command("console")
    .description("attach to a VM's console; Ctrl-] leaves")
    .argument("<vm>", "id or name")
    .option("--read-only", "only watch")
    .option("--from <where>", "start, end, tail:BYTES, or an offset", parseFrom, "start" as From)
    .option("--takeover", "take the right to write from whoever has it")
    .option(
      "--quiet <seconds>",
      "typing from a pipe, leave once the guest has been silent for so long",
      parseInteger(1, 86_400),
      QUIET_SECONDS,
    )
    .action(async (name: string, options: Options, command: Command) => {
      const found = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      const console = await found.console.attach({
        mode: options.readOnly === true ? "read" : "write",
        from: options.from,
        takeover: options.takeover ?? false,
        onGap: "continue",
        reconnectTimeoutMs: 600_000,
        signal: shell.signal,
      });
      try {
        await attachTerminal(console, shell, name, options.quiet * 1000);
      } catch (error) {
        if (!(error instanceof VmDeletedError)) throw error;
        notice(shell, `${name} was deleted`);
      } finally {
        console.close();
      }
    });
}

async function attachTerminal(console: ConsoleStream, shell: Shell, name: string, quietMs: number): Promise<void> {
  const { stdin, stdout } = shell;
  const interactive = stdin.isTTY === true && console.mode === "write";
  console.on("reconnecting", ({ attempt, reason }) => {
    if (attempt === 0) notice(shell, `connection lost, trying again: ${reason}`);
  });
  console.on("term", ({ term, cause, gapMs }) => {
    notice(shell, `term ${term}: ${cause ?? "changed"}${gapMs === null ? "" : `, gap ${gapMs.toFixed(1)} ms`}`);
  });
  console.on("gap", ({ requested, resumedAt }) => notice(shell, `output ${requested} to ${resumedAt} is no longer held`));
  if (interactive) notice(shell, `attached to ${name}, ${console.hello.state}; Ctrl-] leaves`);

  let quiet: ReturnType<typeof setTimeout> | null = null;
  let typedAll = false;
  const restartQuiet = () => {
    if (!typedAll) return;
    if (quiet !== null) clearTimeout(quiet);
    const boots = console.offset === 0n && console.hello.outEnd === 0n;
    quiet = setTimeout(() => console.close(), boots ? BOOT_FACTOR * quietMs : quietMs);
  };
  let inputFailure: unknown = null;
  const failed = (error: unknown) => {
    if (console.closed) return;
    inputFailure = error;
    console.close();
  };
  const type = (bytes: Uint8Array) => console.write(bytes).catch(failed);

  const pending: Promise<unknown>[] = [];
  const onData = (data: Buffer | string) => {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const escapeAt = interactive ? bytes.indexOf(ESCAPE) : -1;
    const typed = escapeAt < 0 ? bytes : bytes.subarray(0, escapeAt);
    if (typed.length > 0) pending.push(type(typed));
    if (escapeAt >= 0) void Promise.all(pending).then(() => console.close());
  };
  const onResize = () => {
    const { columns = 0, rows = 0 } = stdout;
    if (columns > 0 && rows > 0) pending.push(console.resize(columns, rows).catch(failed));
  };
  const onEnd = () => {
    void Promise.all(pending).then(() => {
      typedAll = true;
      restartQuiet();
    });
  };
  if (console.mode === "write") {
    if (interactive) stdin.setRawMode?.(true);
    stdin.on("data", onData);
    if (!interactive) stdin.on("end", onEnd);
    if (interactive && stdout.isTTY === true) {
      onResize();
      stdout.on("resize", onResize);
    }
  }
  try {
    const historyEnd = interactive ? console.hello.outEnd : 0n;
    const history = new HistoryFilter();
    for await (const { offset, data } of console) {
      const old = offset >= historyEnd ? 0 : Math.min(data.length, Number(historyEnd - offset));
      const shown = [history.push(data.subarray(0, old)), ...(old < data.length ? [history.end(), data.subarray(old)] : [])];
      if (!stdout.write(Buffer.concat(shown))) await new Promise((resolve) => stdout.once("drain", resolve));
      restartQuiet();
    }
    if (inputFailure !== null) throw inputFailure;
  } finally {
    if (quiet !== null) clearTimeout(quiet);
    stdin.off("data", onData);
    stdin.off("end", onEnd);
    stdout.off("resize", onResize);
    if (interactive) {
      stdin.setRawMode?.(false);
      notice(shell, `left ${name}`);
    }
    stdin.pause();
  }
}

/** A line of ours between the guest's: dim, and on stderr. A raw terminal needs the carriage return. */
function notice(shell: Shell, text: string): void {
  note(shell, shell.stdin.isTTY === true ? `\r\n\x1b[2m[understudy: ${text}]\x1b[0m\r` : `[understudy: ${text}]`);
}

export function parseFrom(text: string): From {
  if (text === "start" || text === "end") return text;
  if (/^tail:\d+$/.test(text)) return text as From;
  if (/^\d+$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError("It is start, end, tail:BYTES or an offset.");
}
