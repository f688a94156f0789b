/**
 * Carries byte streams between two places that cannot reach each other: `relay.mjs LISTEN TARGET`, each `unix:PATH` or
 * `HOST:PORT`. A Unix socket is reached from every network namespace, so a relay in one is a door to it. It writes
 * `listening`, and ends with its stdin.
 */
import { createConnection, createServer } from "node:net";

const [listen, target] = process.argv.slice(2).map((text) => {
  if (text.startsWith("unix:")) return { path: text.slice(5) };
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
});

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = createConnection({ ...target, allowHalfOpen: true, noDelay: true });
  near.pipe(far);
  far.pipe(near);
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
  near.on("close", () => far.destroy());
  far.on("close", () => near.destroy());
});
server.listen(listen, () => process.stdout.write("listening\n"));
process.stdin.on("end", () => process.exit(0)).resume();
