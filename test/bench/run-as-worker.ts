/** Benches of the engine run it in their own process, which is to be a worker's: an allocator is told its ways when a process begins. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { WORKER_ALLOCATOR } from "../../src/cli/up/worker-allocator.ts";

/** Where this process has another environment than a worker, runs the same command in one that has it, and ends as that does. */
export async function runAsWorker(): Promise<void> {
  if (Object.entries(WORKER_ALLOCATOR).every(([name, value]) => process.env[name] === value)) return;
  const { execPath, execArgv, argv } = process;
  const child = spawn(execPath, [...execArgv, ...argv.slice(1)], { stdio: "inherit", env: { ...process.env, ...WORKER_ALLOCATOR } });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, pass);
  const [code] = (await once(child, "exit")) as [number | null];
  process.exit(code ?? 1);
}
