/** `understudy vm logs <vm>`: a console's output as it is, up to its end, or for as long as there is some. */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { note, type Shell } from "./shell.ts";
import { type From, parseFrom } from "./vm-console.ts";

const PIECE_BYTES = 1024 * 1024;

interface Options {
  readonly follow?: boolean;
  readonly from: From;
}

export function addVmLogs(vm: Command, shell: Shell): void {
  vm.command("logs")
    .description("print a VM's console output, byte by byte as the guest wrote it")
    .argument("<vm>", "id or name")
    .option("-f, --follow", "go on with what the guest writes next, over failovers, until Ctrl-C or the guest's end")
    .option("--from <where>", "start, end, tail:BYTES, or an offset", parseFrom, "start" as From)
    .action(async (name: string, { follow, from }: Options, command: Command) => {
      const { console } = await (await connect(command, shell)).vms.get(name, { signal: shell.signal });
      const missing = (requested: bigint, resumedAt: bigint) =>
        note(shell, `[understudy: output ${requested} to ${resumedAt} is no longer held]`);
      if (follow !== true) {
        for (let at = from; ; ) {
          const { data, start, next } = await console.read({ from: at, maxBytes: PIECE_BYTES, signal: shell.signal });
          if (typeof at === "bigint" && start > at) missing(at, start);
          if (data.length === 0) return;
          await write(shell, data);
          at = next;
        }
      }
      const stream = await console.attach({ from, onGap: "continue", reconnectTimeoutMs: 600_000, signal: shell.signal });
      stream.on("gap", ({ requested, resumedAt }) => missing(requested, resumedAt));
      for await (const { data } of stream) await write(shell, data);
    });
}

async function write({ stdout }: Shell, data: Uint8Array): Promise<void> {
  if (!stdout.write(data)) await new Promise((resolve) => stdout.once("drain", resolve));
}
