/** Entry of the worker process: flags and environment in, one Worker, signals, exit code. */
import { version } from "../../package.json";
import { UnderstudyError } from "../base/errors.ts";
import { ImageStore } from "../images/store.ts";
import { openTracer } from "../tracing/otlp-tracer.ts";
import { GuestImages } from "./guest-images.ts";
import { HUGE_PAGES_FOLDER, hugePageSizesKiB } from "./huge-pages.ts";
import { createWorkerLog, type WorkerLog } from "./log.ts";
import { loadMachineModule } from "./machine-module.ts";
import { maskedSettings, readSettings } from "./settings.ts";
import { Worker } from "./worker.ts";
import { WorkerCredentials } from "./worker-credentials.ts";

let stopping = false;
let log: WorkerLog = createWorkerLog(process.env.UNDERSTUDY_WORKER_NAME ?? "worker");

/** Logs why, and ends the process with exit code 1. */
function die(error: unknown, what: string): never {
  const code = error instanceof UnderstudyError ? error.code : "internal_error";
  log.fatal({ code, err: error }, `${what}: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function noteHugePages(): void {
  const hugePagesKiB = hugePageSizesKiB();
  if (hugePagesKiB === null || hugePagesKiB.length > 0) return;
  log.info(
    { hugePagesKiB },
    `guests' memory is in small pages: if this process is killed, its peers hear of that later; "always" in ${HUGE_PAGES_FOLDER}/enabled, or for a smaller size below it, has it in larger ones`,
  );
}

process.on("uncaughtException", (error) => die(error, "worker failed"));
process.on("unhandledRejection", (reason) => die(reason, "worker failed"));

try {
  const settings = readSettings(process.argv.slice(2), process.env);
  log = createWorkerLog(settings.name, settings.logLevel);
  log.info({ configuration: maskedSettings(settings) }, "effective configuration");
  noteHugePages();
  const { name, host, zone } = settings;
  const attributes = {
    "host.name": host,
    "process.pid": process.pid,
    "cloud.availability_zone": zone ?? undefined,
    "understudy.worker.name": name,
  };
  const tracer = await openTracer(settings.tracing, { name: "understudy-worker", version, attributes }, log);
  const store = new ImageStore(settings.imageStore);
  await store.init();
  const credentials = new WorkerCredentials({ ...settings, log });
  const worker = new Worker({
    settings,
    credentials,
    machine: await loadMachineModule(new URL("./machine.wasm", import.meta.url)),
    engineThreadUrl: new URL("./engine-thread.mjs", import.meta.url),
    compileThreadUrl: new URL("./compile-thread.mjs", import.meta.url),
    images: new GuestImages(store, settings.controlUrls, (url) => credentials.access(url)),
    version,
    log,
    tracer,
    onJoinRefused: (error) => die(error, "worker not admitted"),
  });
  const stop = (signal: NodeJS.Signals) => {
    stopping = true;
    log.info({ signal }, "worker stops");
    void worker
      .stop()
      .then(() => tracer.close())
      .then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  await worker.start();
} catch (error) {
  if (!stopping) die(error, "worker not started");
}
