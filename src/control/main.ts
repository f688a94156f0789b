/** Entry of the control plane's process: environment and flags in, one server, signals, exit code. */
import { UnderstudyError } from "../base/errors.ts";
import { readConfiguration } from "./configuration.ts";
import { createControlLog } from "./log.ts";
import { type RunningServer, startServer } from "./server.ts";

const log = createControlLog();

function fail(error: unknown): never {
  const code = error instanceof UnderstudyError ? error.code : "internal_error";
  const message = error instanceof Error ? error.message : String(error);
  log.fatal({ code, ...(error instanceof UnderstudyError ? {} : { err: error }) }, message);
  process.stderr.write(`understudy control plane: ${message}\n`);
  process.exit(1);
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

/** A stop that takes longer than this is cut short. */
const STOP_LIMIT_MS = 20_000;

let server: RunningServer | null = null;
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => fail(new Error(`Cannot stop within ${STOP_LIMIT_MS} ms`)), STOP_LIMIT_MS).unref();
    if (server !== null) void finish(server);
  });
}

async function finish(running: RunningServer): Promise<void> {
  await running.stop();
  log.info("stopped");
  process.exit(0);
}

try {
  const configuration = readConfiguration(process.argv.slice(2), process.env);
  log.level = configuration.logLevel;
  server = await startServer(configuration, process.env, log);
  // Without a certificate the signal ends the process, as it does others.
  if (server.readCertificateAgain !== null) process.on("SIGHUP", server.readCertificateAgain);
  if (stopping) await finish(server);
} catch (error) {
  fail(error);
}
