#!/usr/bin/env node
/** The program `understudy`. Ctrl-C asks the command to stop; asking again does not cut a stop short that is under way. */
import { run } from "./program.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.stderr.write("Still stopping\n");
    stop.abort();
  });
}
// The reader of our output has left (`understudy events | head`): nothing more to say.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

const { stdout, stderr, stdin, env } = process;
process.exitCode = await run(process.argv.slice(2), { stdout, stderr, stdin, env, signal: stop.signal });
// What still listens (a raw terminal, keep-alive sockets) is of no use to anybody now.
process.stdin.destroy();
