/** `understudy up`: a whole installation on this machine, with a protected VM in it, until Ctrl-C. What `npm start` runs. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { addImageSourceOptions, type ImageSourceOptions } from "../image-pull.ts";
import { parseInteger } from "../output.ts";
import { note, print, type Shell } from "../shell.ts";
import { Cluster } from "./cluster.ts";
import { DEMO_VM, ensureDemoVm } from "./demo-vm.ts";
import { ensureGuestImage } from "./guest-image.ts";
import { parseListenAddress } from "./ports.ts";

interface Options extends ImageSourceOptions {
  readonly dataDir: string;
  readonly listen: string;
  readonly internalListen: string;
  readonly workers: number;
  readonly demo: boolean;
}

const DEMO_TIMEOUT_MS = 180_000;

export function addUp(program: Command, shell: Shell): void {
  const { env } = shell;
  const command = program
    .command("up")
    .description("run a control plane, its database and three workers on this machine, with a protected VM, until Ctrl-C")
    .option("--data-dir <dir>", "where everything is kept (UNDERSTUDY_DATA_DIR)", env.UNDERSTUDY_DATA_DIR || ".understudy")
    .option("--listen <host:port>", "address of the API (UNDERSTUDY_LISTEN)", env.UNDERSTUDY_LISTEN || "127.0.0.1:8080")
    .option(
      "--internal-listen <host:port>",
      "address for workers (UNDERSTUDY_INTERNAL_LISTEN)",
      env.UNDERSTUDY_INTERNAL_LISTEN || "127.0.0.1:8081",
    )
    .option("--workers <count>", "worker processes; two hold a pair, a third takes over", parseInteger(1, 64), 3)
    .option("--no-demo", `do not create the VM "${DEMO_VM}"`);
  addImageSourceOptions(command);
  command.action((options: Options) => up(options, shell));
}

async function up(options: Options, shell: Shell): Promise<void> {
  const { signal, env } = shell;
  const onNote = (text: string) => note(shell, text);
  const cluster = await stoppable(signal, () =>
    Cluster.start({
      dataDirectory: resolve(options.dataDir),
      listen: parseListenAddress(options.listen),
      internalListen: parseListenAddress(options.internalListen),
      imageStore: resolve(env.UNDERSTUDY_IMAGE_STORE || resolve(options.dataDir, "images")),
      workers: options.workers,
      env,
      signal,
      onNote,
      beforeStart: async (directory) => {
        await ensureGuestImage(env.UNDERSTUDY_IMAGE_STORE || directory.imageStore, options, shell);
        onNote(`Starting a control plane and ${options.workers} workers`);
      },
    }),
  );
  if (cluster === null) return;
  try {
    if (options.demo) {
      const booted = await stoppable(signal, () =>
        ensureDemoVm(cluster.client, { startedAt: cluster.startedAt, timeoutMs: DEMO_TIMEOUT_MS, signal, onNote }),
      );
      if (booted === null) return;
    }
    announce(cluster, options, shell);
    await aborted(signal);
  } finally {
    onNote("Stopping the workers, the control plane and its database");
    await cluster.stop();
    onNote(`Stopped. The next start finds what is kept in ${cluster.directory.path}`);
  }
}

function announce(cluster: Cluster, options: Options, shell: Shell): void {
  const { url, directory } = cluster;
  const lines = [
    "",
    "Understudy is running.",
    `  API        ${url}/v1      (its description: ${url}/openapi.json)`,
    `  Token      ${directory.tokenFile}`,
    `  Workers    ${cluster.services
      .slice(1)
      .map((service) => `${service.name} (pid ${service.pid})`)
      .join(", ")}`,
    `  Logs       ${directory.path}/logs`,
    ...(options.demo ? [`  VM         ${DEMO_VM}: Debian, protected: it runs on two workers in lockstep`] : []),
    "",
    "Next, in another terminal:",
    ...exports(cluster),
    ...(options.demo
      ? [
          `  npx understudy vm ls`,
          `  npx understudy vm console ${DEMO_VM}      # a shell in the guest; Ctrl-] leaves`,
          `  kill -9 PID                        # of the primary's worker, while you type: the guest does not notice`,
          `  npx understudy events -f`,
        ]
      : [`  npx understudy vm create NAME --wait protected`]),
    `  curl -H "Authorization: Bearer $(cat ${directory.tokenFile})" ${url}/v1/vms`,
    "",
    "Ctrl-C stops everything.",
  ];
  for (const line of lines) print(shell, line);
}

/** What the commands need to be told where the defaults are not met. */
function exports(cluster: Cluster): string[] {
  const lines: string[] = [];
  if (cluster.url !== "http://127.0.0.1:8080") lines.push(`  export UNDERSTUDY_API_URL=${cluster.url}`);
  if (cluster.directory.path !== resolve(".understudy")) lines.push(`  export UNDERSTUDY_TOKEN_FILE=${cluster.directory.tokenFile}`);
  return lines;
}

/** @returns null where the user stopped it: that is no error */
async function stoppable<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
