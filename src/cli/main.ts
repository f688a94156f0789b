#!/usr/bin/env node
/** The program `understudy`. Ctrl-C asks the command to stop; asking again does not cut a stop short that is under way. */
import { run } from "./program.ts";

const stop = new AbortController();
let stoppingSinceMs = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    // npm passes on what the terminal has sent to us already: the same Ctrl-C a moment later is not impatience.
    if (!stop.signal.aborted) stoppingSinceMs = performance.now();
    else if (performance.now() - stoppingSinceMs > 1_000) process.stderr.write("Still stopping\n");
    stop.abort();
  });
}
// The reader of our output has left (`understudy events | head`): there is nobody to go on for.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    stop.abort();
  });
}

const { stdout, stderr, stdin, env } = process;
process.exitCode = await run(process.argv.slice(2), { stdout, stderr, stdin, env, signal: stop.signal });
// What still listens (a raw terminal, keep-alive sockets) is of no use to anybody now.
process.stdin.destroy();
